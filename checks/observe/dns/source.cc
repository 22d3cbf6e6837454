#include "checks/observe/dns/source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/observe/dns/message.h"

namespace stswatch::dns {
namespace {

std::string as_text(const TxtRecord& txt) { return txt.joined(); }
std::string as_text(const MxRecord& mx) { return std::to_string(mx.preference) + ' ' + mx.host; }
std::string as_text(const Address& address) { return address.str(); }
std::string as_text(const NsRecord& ns) { return ns.host; }
std::string as_text(const TlsaRecord& tlsa) { return tlsa.str(); }
std::string as_text(const CaaRecord& caa) {
  return std::to_string(caa.flags) + ' ' + caa.tag + ' ' + caa.value;
}

std::vector<std::string> as_texts(const DnsAnswer& answer) {
  std::vector<std::string> out;
  std::visit(
      [&](const auto& a) {
        for (const auto& record : a.records)
          out.push_back(as_text(record));
      },
      answer);
  return out;
}

Address address_of(Octets message, const ResourceRecord& rr) {
  std::array<std::uint8_t, 16> octets{};
  const auto data = message.subspan(rr.data, std::min<std::size_t>(rr.size, 16));
  std::copy(data.begin(), data.end(), octets.begin());
  return rr.type == kTypeA ? Address::v4({octets[0], octets[1], octets[2], octets[3]}) : Address::v6(octets);
}

/// RFC 2181 §5.4.1: addresses beside a referral are believed within the referring zone alone.
std::vector<Address> glue_of(Octets message, const Sections& sections, const std::string& server,
                             const std::string& zone) {
  std::vector<Address> out;
  if (!is_within(server, zone)) return out;
  for (const ResourceRecord& rr : sections.glue) {
    const std::size_t size = rr.type == kTypeA ? 4 : 16;
    if (rr.owner == server && rr.size == size && out.size() < bounds::kHostAddresses)
      out.push_back(address_of(message, rr));
  }
  return out;
}

Delegation referral_of(Octets message, const Sections& sections, const std::string& name,
                       const std::string& zone) {
  Delegation out;
  for (const ResourceRecord& rr : sections.referral) {
    // Downwards only: a server that points up or aside does not serve the zone.
    if (rr.owner == zone || !is_within(rr.owner, zone) || !is_within(name, rr.owner)) continue;
    if (!out.zone.empty() && rr.owner != out.zone) continue;
    auto server = name_to_end(message, rr.data, rr.data + rr.size);
    if (!server || out.servers.size() == bounds::kNameServers) continue;
    out.zone = rr.owner;
    out.ttl = rr.ttl;
    auto glue = glue_of(message, sections, *server, zone);
    out.servers.push_back({std::move(*server), std::move(glue)});
  }
  return out;
}

std::string aside(const Sections& sections) {
  if (sections.referral.empty()) return "no authority for the zone";
  const std::string& zone = sections.referral.front().owner;
  return "refers to " + (zone.empty() ? std::string("the root") : zone);
}

/// Follows aliases within the message; where the chain ends.
std::optional<std::string> end_of_chain(Octets message, const Sections& sections, std::string name,
                                        std::vector<std::string>& chain) {
  while (chain.size() < bounds::kCnameChain) {
    const auto alias = std::ranges::find_if(
        sections.answer, [&](const auto& rr) { return rr.type == kTypeCname && rr.owner == name; });
    if (alias == sections.answer.end()) break;
    auto target = name_to_end(message, alias->data, alias->data + alias->size);
    if (!target) return std::nullopt;
    chain.push_back("CNAME " + *target);
    name = std::move(*target);
  }
  return name;
}

}  // namespace

SourceReading read_source(Octets message, const DnsQuestion& question, const std::string& zone) {
  SourceReading out;
  out.reply.name = question.name;
  out.reply.said = SourceSaid::lame;
  const auto header = read_header(message);
  const auto sections = header ? read_sections(message, *header) : std::nullopt;
  if (!sections) {
    out.reply.said = SourceSaid::silent;  // who knows what that was
    out.reply.detail = "unreadable answer";
    return out;
  }
  const int rcode = sections->extended_rcode << 4 | header->rcode();
  if (rcode != kNoError && rcode != kNxDomain) {
    out.reply.said = SourceSaid::refused;
    out.reply.detail = rcode_words(rcode);
    if (const auto* error = sections->error()) out.reply.detail += " (" + error->str() + ")";
    return out;
  }
  std::vector<std::string> chain;
  const auto end = end_of_chain(message, *sections, question.name, chain);
  DnsAnswer answer = unknown_answer(question, {});
  facts_of(answer).ttl = chain.empty() ? UINT32_MAX : 0;
  if (!end || !collect_records(message, *sections, *end, question.type, answer)) {
    out.reply.detail = "malformed record";
    return out;
  }
  if (!header->authoritative() && chain.empty() && !has_records(answer)) {
    out.referral = referral_of(message, *sections, question.name, zone);
    if (out.referral.zone.empty()) out.reply.detail = aside(*sections);
    return out;
  }
  out.reply.said = SourceSaid::answered;
  out.reply.records = as_texts(answer);
  if (const auto first = first_to_end(message, *sections)) out.reply.signed_until = first->until;
  if (!chain.empty() && !has_records(answer) && rcode == kNoError) out.alias = *end;
  out.reply.nxdomain = rcode == kNxDomain;
  out.reply.ttl = has_records(answer) ? facts_of(answer).ttl : 0;
  if (!out.alias.empty()) out.reply.records = std::move(chain);
  return out;
}

std::optional<Soa> read_zone_soa(Octets message, const std::string& zone) {
  const auto header = read_header(message);
  if (!header || header->rcode() != kNoError || !header->authoritative()) return std::nullopt;
  const auto sections = read_sections(message, *header);
  if (!sections) return std::nullopt;
  for (const ResourceRecord& rr : sections->answer)
    if (rr.type == kTypeSoa && rr.owner == zone) return read_soa(message, rr);
  return std::nullopt;
}

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kZones = 100'000;  // kept at most; each is some hundred octets
constexpr auto kLongestKept = 1h;        // a delegation that moved is found again by then
constexpr auto kShortestKept = 60s;
constexpr int kDepth = 8;    // zone cuts below the start: three is much
constexpr int kStarts = 3;   // the zone, its parent, and what is above that
constexpr int kAliases = 4;  // each is a search of its own
constexpr std::size_t kAncestors = 6;
constexpr std::size_t kFew = 3;  // servers to find where the first that answers is enough
// So many silent addresses, of servers that have nothing in common, are a filter on our side. Who watches one
// domain meets few servers: as many questions in vain say as much, and are asked again sooner.
constexpr std::size_t kSilentServers = 8;
constexpr int kInVain = 8;
constexpr std::chrono::seconds kBlockedRetry = 10min, kFewRetry = 30s;

std::string parent_of(const std::string& name) {
  const auto dot = name.find('.');  // an escaped dot makes a name that no zone has: it is not answered
  return dot == std::string::npos ? std::string() : name.substr(dot + 1);
}

/// The name and those above it, up to the root; in between the farthest are left out.
std::vector<std::string> ancestors_of(std::string name) {
  std::vector<std::string> out;
  for (; !name.empty() && out.size() + 1 < kAncestors; name = parent_of(name))
    out.push_back(name);
  out.emplace_back();
  return out;
}

}  // namespace

std::optional<Delegation> Source::known(const std::string& domain) {
  const std::lock_guard lock(mutex_);
  const auto at = zones_.find(domain);
  if (at == zones_.end() || at->second.until < Clock::now()) return std::nullopt;
  return at->second.zone;
}

void Source::remember(const std::string& domain, const Delegation& zone) {
  const auto keep = std::clamp<Clock::duration>(Seconds{zone.ttl}, kShortestKept, kLongestKept);
  const std::lock_guard lock(mutex_);
  if (zones_.size() >= kZones) zones_.erase(zones_.begin());
  zones_.insert_or_assign(domain, Found{zone, Clock::now() + keep});
}

void Source::forget(const std::string& domain) {
  const std::lock_guard lock(mutex_);
  zones_.erase(domain);
}

/// The nearest zone at or above the name that the resolver knows the servers of. Most often it is the name
/// itself: the others are asked for only if not.
tl::expected<Delegation, std::string> Source::start_for(const std::string& name, const Deadline& deadline) {
  std::vector<DnsQuestion> questions{{name, RecordType::ns}};
  std::vector<DnsQuestion> above;
  for (auto& ancestor : ancestors_of(name))
    if (ancestor != name) above.push_back({std::move(ancestor), RecordType::ns});
  bool dead = true;
  for (; !questions.empty(); questions = std::exchange(above, {})) {
    for (const auto& answer : resolver_.ask(questions, deadline)) {
      const auto* ns = std::get_if<NsAnswer>(&answer);
      dead = dead && (ns == nullptr || ns->lookup == Lookup::unknown);
      if (ns == nullptr || ns->lookup != Lookup::found || !ns->cname.empty()) continue;
      Delegation zone{canonical(ns->name).value_or(ns->name), {}, ns->ttl};
      for (const auto& record : ns->records)
        zone.servers.push_back({record.host, {}});
      return zone;
    }
  }
  return tl::unexpected(
      std::string(dead ? kNoAncestor : "no name server of an ancestor of the name is known"));
}

void Source::look_up(std::vector<NameServer>& servers, std::size_t most, const Deadline& deadline) {
  std::vector<DnsQuestion> questions;
  std::vector<NameServer*> asked;
  for (NameServer& server : servers) {
    if (most-- == 0) break;
    if (!server.addresses.empty()) continue;
    for (const RecordType type : {RecordType::a, RecordType::aaaa}) {
      questions.push_back({server.name, type});
      asked.push_back(&server);
    }
  }
  if (questions.empty()) return;
  const auto answers = resolver_.ask(questions, deadline);
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (const auto* found = std::get_if<AddressAnswer>(&answers[i]))
      asked[i]->addresses.insert(asked[i]->addresses.end(), found->records.begin(), found->records.end());
}

/// One address of each server before a second of any; what must not or cannot be dialled is left out.
std::vector<Source::Named> Source::servers_of(Delegation& zone, Ask how, const Deadline& deadline) {
  look_up(zone.servers, how == Ask::one ? kFew : bounds::kNameServers, deadline);
  auto servers = zone.servers;
  for (NameServer& server : servers)
    std::erase_if(server.addresses, [&](const Address& address) {
      return (!options_.allow_private && !address.not_public_reason().empty()) || (address.is_v6() && !ipv6_);
    });
  std::vector<Named> out;
  for (std::size_t nth = 0; nth < bounds::kHostAddresses; ++nth)
    for (const NameServer& server : servers)
      if (nth < server.addresses.size() && out.size() < bounds::kSourceServers)
        out.push_back({server.name, {server.addresses[nth], options_.port}});
  return out;
}

void Source::heard(const Server& server, const Exchanged& exchanged) {
  const std::lock_guard lock(mutex_);
  if (!exchanged.message.empty()) {
    ever_heard_ = true;
    silent_.clear();
    in_vain_ = 0;
  } else if (exchanged.timeout) {
    in_vain_ = std::min(in_vain_ + 1, kInVain);
    if (silent_.size() < kSilentServers) silent_.insert(server.address);
  }
}

bool Source::blocked() const {
  const std::lock_guard lock(mutex_);
  return !ever_heard_ && in_vain_ >= kInVain;
}

bool Source::may_ask() {
  if (!blocked()) return true;
  const std::lock_guard lock(mutex_);
  if (Clock::now() < next_try_) return false;
  next_try_ = Clock::now() + (silent_.size() < kSilentServers ? kFewRetry : kBlockedRetry);
  return true;
}

/// In the order of `servers`; who has been asked enough of late is not asked.
std::vector<Exchanged> Source::exchange_within_budget(const SourceQuery& query,
                                                      const std::vector<Server>& servers,
                                                      const Deadline& deadline) {
  std::vector<Exchanged> out(servers.size());
  std::vector<Server> asked;
  std::vector<std::size_t> places;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (budget_.may_ask(servers[i].address, Clock::now())) {
        asked.push_back(servers[i]);
        places.push_back(i);
      } else {
        out[i].why = "not asked: it has had our share of questions";
      }
    }
  }
  auto answers = exchange(query, asked, options_.timeout, deadline);
  for (std::size_t i = 0; i < answers.size(); ++i)
    out[places[i]] = std::move(answers[i]);
  return out;
}

void Source::ask_servers(Stage& stage, std::size_t from, std::size_t count, const DnsQuestion& question,
                         const Deadline& deadline) {
  std::vector<Server> servers;
  for (std::size_t i = from; i < from + count; ++i)
    servers.push_back(stage.servers[i].server);
  const auto answers = exchange_within_budget({question.name, type_code(question.type)}, servers, deadline);
  for (std::size_t i = 0; i < count; ++i) {
    heard(servers[i], answers[i]);
    SourceReading reading;
    if (answers[i].message.empty()) {
      reading.reply.name = question.name;
      reading.reply.detail = answers[i].why;
    } else {
      reading = read_source(answers[i].message, question, stage.zone);
    }
    reading.reply.server = stage.servers[from + i].name;
    reading.reply.address = servers[i].address;
    if (!reading.referral.zone.empty() && !stage.below) stage.below = reading.referral;
    stage.readings.push_back(std::move(reading));
  }
}

/// The first by itself: most often a referral, or all that is wanted. The others together.
Source::Stage Source::ask_zone(Delegation& zone, const DnsQuestion& question, Ask how,
                               const Deadline& deadline) {
  Stage stage;
  stage.zone = zone.zone;
  stage.servers = servers_of(zone, how, deadline);
  if (stage.servers.empty()) return stage;
  ask_servers(stage, 0, 1, question, deadline);
  const bool enough = how == Ask::one && stage.readings.front().reply.said == SourceSaid::answered;
  if (stage.below || enough) return stage;
  ask_servers(stage, 1, stage.servers.size() - 1, question, deadline);
  return stage;
}

void Source::add_serials(Stage& stage, SourceAnswer& answer, const Deadline& deadline) {
  if (!answer.differs()) return;
  std::vector<Server> servers;
  for (const Named& named : stage.servers)
    servers.push_back(named.server);
  servers.resize(std::min(servers.size(), answer.replies.size()), Server{Address{}});
  const auto answers = exchange_within_budget({stage.zone, kTypeSoa}, servers, deadline);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto soa = read_zone_soa(answers[i].message, stage.zone);
    if (!soa) continue;
    answer.replies[i].serial = soa->serial;
    answer.refresh = std::max(answer.refresh, soa->refresh);
  }
}

Source::Descent Source::descend(const std::string& domain, Delegation zone, const DnsQuestion& question,
                                Ask how, const Deadline& deadline) {
  Descent out;
  for (int depth = 0; depth < kDepth && !deadline.passed() && !deadline.cancelled(); ++depth) {
    Stage stage = ask_zone(zone, question, how, deadline);
    if (stage.servers.empty()) {
      out.answer.trouble = "no server of " + (zone.zone.empty() ? std::string("the root") : zone.zone) +
                           " can be asked from here";
      return out;
    }
    if (stage.below) {
      zone = *std::move(stage.below);
      out.referred = true;
      continue;
    }
    for (const SourceReading& reading : stage.readings) {
      out.answer.replies.push_back(reading.reply);
      if (out.alias.empty()) out.alias = reading.alias;
    }
    if (how == Ask::all) add_serials(stage, out.answer, deadline);
    if (is_within(domain, zone.zone) && out.answer.answered()) remember(domain, zone);
    return out;
  }
  out.answer.trouble = "the delegation has no end within the time";
  return out;
}

/// What the resolver knows of a zone may be what the dead zone itself once said: where nobody answers, the
/// parent has the word on who serves it, and only servers that it names prove a fault.
Source::Descent Source::ask_once(const std::string& domain, const DnsQuestion& question, Ask how,
                                 const Deadline& deadline) {
  Descent best;
  if (const auto zone = known(domain)) {
    best = descend(domain, *zone, question, how, deadline);
    if (best.answer.answered()) return best;
    forget(domain);
  }
  std::string from = domain;
  for (int starts = 0; starts < kStarts; ++starts) {
    const auto start = start_for(from, deadline);
    if (!start) {
      if (best.answer.replies.empty() && best.answer.trouble.empty()) best.answer.trouble = start.error();
      break;
    }
    auto found = descend(domain, *start, question, how, deadline);
    if (found.answer.answered() || found.referred) return found;
    if (best.answer.replies.empty()) best = std::move(found);
    if (start->zone.empty()) break;
    from = parent_of(start->zone);
  }
  if (best.answer.trouble.empty()) best.answer.trouble = "the parent zone does not say who serves this one";
  return best;
}

SourceAnswer Source::ask(const std::string& domain, const DnsQuestion& question, Ask how,
                         const Deadline& deadline) {
  SourceAnswer out;
  if (!may_ask()) {
    out.trouble = "port 53 seems to be blocked outwards";
    return out;
  }
  std::string at = domain;
  DnsQuestion now{canonical(question.name).value_or(question.name), question.type};
  for (int aliases = 0;; ++aliases) {
    auto part = ask_once(at, now, how, deadline);
    std::ranges::move(part.answer.replies, std::back_inserter(out.replies));
    out.refresh = std::max(out.refresh, part.answer.refresh);
    out.trouble = std::move(part.answer.trouble);
    if (part.alias.empty() || !out.trouble.empty()) return out;
    if (aliases == kAliases) break;
    now.name = at = part.alias;
  }
  out.trouble = "more aliases than are followed";
  return out;
}

}  // namespace stswatch::dns
