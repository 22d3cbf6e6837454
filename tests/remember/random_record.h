// Records in which every field holds something, drawn from a seed: what the store must carry. Nothing here is
// under test.
#pragma once

#include "agent/remember/memory.h"
#include "tests/remember/random_look.h"

namespace stswatch {

class RandomRecord : public RandomLook {
 public:
  explicit RandomRecord(unsigned seed) : RandomLook(seed) {}

  std::shared_ptr<const DomainMemory> domain_record(const std::string& name) {
    auto look = domain();
    look.domain = *Domain::parse(name);
    auto record =
        std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look), Verdict(look.domain));
    if (flip()) {
      auto confirmed = domain();
      confirmed.domain = look.domain;
      record->confirmed = std::make_shared<DomainObservation>(confirmed);
    }
    record->debounces = debounces();
    record->past = past();
    record->incidents = list<Incident>([&] { return incident(); });
    for (const auto part : kParts)
      if (flip()) record->times[part] = times();
    if (flip()) record->policy_fetched = time();
    if (flip()) record->policy_last_success = time();
    return record;
  }

  std::shared_ptr<const MxMemory> mx_record(const std::string& name) {
    auto record = std::make_shared<MxMemory>();
    auto look = host();
    look.host = name;
    record->known = std::make_shared<MxHostObservation>(look);
    record->confirmed = record->known;
    if (flip()) {
      auto confirmed = host();
      confirmed.host = name;
      record->confirmed = std::make_shared<MxHostObservation>(confirmed);
    }
    record->debounces = debounces();
    record->times = times();
    record->attempts = list<Attempt>([&] { return Attempt{time(), word(), word()}; });
    record->tlsa = {list<SeenTlsa>([&] {
                      return SeenTlsa{tlsa_record(),  small(),        span(),
                                      perhaps_time(), perhaps_time(), perhaps_time()};
                    }),
                    perhaps_time(), perhaps_time()};
    record->past = std::make_shared<HostPast>(
        HostPast{list<SeenCertificate>([&] { return certificate_seen(); }),
                 list<Change>([&] { return change(); }), record->attempts, record->tlsa});
    return record;
  }

  Incident incident() {
    Incident out;
    out.finding = {word(),
                   static_cast<Severity>(number(0, 2)),
                   static_cast<Route>(number(0, 2)),
                   word(),
                   octets(),
                   octets(),
                   octets(),
                   octets(),
                   flip()};
    out.opened = time();
    out.last_bad = time();
    out.closed = perhaps_time();
    out.good_looks = static_cast<int>(number(0, 5));
    out.bad_looks = static_cast<int>(number(0, 5));
    out.good_since = perhaps_time();
    out.held_since = perhaps_time();
    out.eased = perhaps_time();
    out.swung = perhaps_time();
    out.changes = list<TimePoint>([&] { return time(); });
    return out;
  }

  Transition transition() { return {static_cast<Transition::Kind>(number(0, 3)), incident()}; }

 private:
  std::optional<TimePoint> perhaps_time() { return flip() ? std::optional(time()) : std::nullopt; }
  Span span() { return {time(), perhaps_time()}; }
  LookTimes times() { return {perhaps_time(), perhaps_time(), perhaps_time(), perhaps_time()}; }
  Debounces debounces() {
    Debounces out;
    for (std::size_t i = number(0, 3); i-- > 0;)
      out[word()] = {static_cast<int>(number(1, 1000)), time()};
    return out;
  }
  Change change() { return {time(), word(), word(), word(), word(), flip()}; }
  SeenCertificate certificate_seen() { return {word(), word(), word(), word(), time(), time(), span()}; }
  SeenPolicy policy() {
    Policy p{static_cast<Mode>(number(0, 2)),
             list<std::string>([&] { return octets(); }),
             number(0, 31557600),
             {}};
    if (flip()) p.extensions.emplace_back(word(), word());
    if (flip()) p.more = static_cast<std::uint32_t>(number(0, UINT32_MAX));
    p.mx_digest = word();
    return {p, word(), span(), static_cast<std::uint32_t>(number(0, UINT32_MAX)), perhaps_time()};
  }
  Past past() {
    Past p;
    p.began = perhaps_time();
    p.policies = list<SeenPolicy>([&] { return policy(); });
    p.ids = list<SeenId>([&] {
      return SeenId{word(),         static_cast<std::uint32_t>(number(0, UINT32_MAX)),
                    span(),         perhaps_time(),
                    perhaps_time(), perhaps_time()};
    });
    p.mx = list<SeenHost>([&] { return SeenHost{word(), span()}; });
    p.policy_host_certificates = list<SeenCertificate>([&] { return certificate_seen(); });
    p.policy_host_addresses = words();
    p.record_cname = word();
    p.policy_host_cname = word();
    p.tlsrpt_valid_since = perhaps_time();
    p.tlsrpt_was_valid = flip();
    p.policy_ok_last = perhaps_time();
    for (std::size_t i = number(0, 3); i-- > 0;)
      p.fetches.push_back({time(), flip(), millis()});
    for (std::size_t i = number(0, 3); i-- > 0;)
      p.fetch_days.push_back({time(), static_cast<std::uint32_t>(number(0, 999)), 7});
    p.sight = {perhaps_time(),
               perhaps_time(),
               static_cast<std::uint32_t>(number(0, UINT32_MAX)),
               perhaps_time(),
               {}};
    if (flip()) p.sight.policies.push_back({7, time(), perhaps_time(), perhaps_time()});
    if (flip()) p.forgotten_ids.push_back(static_cast<std::uint32_t>(number(0, UINT32_MAX)));
    if (flip()) p.gates[word()] = time();
    p.changes = list<Change>([&] { return change(); });
    if (flip()) p.change_counts[word()] = number(0, UINT32_MAX);
    return p;
  }
};

}  // namespace stswatch
