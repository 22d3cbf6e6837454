#include "agent/tell/html.h"

#include <algorithm>
#include <set>

#include "checks/facts/text.h"
#include "checks/judge/senders/by_pattern.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {
namespace {

constexpr std::size_t kNamed = 3;  // hosts that a sentence names; of more it tells how many

std::string named(const std::vector<const MxVerdict*>& hosts, std::size_t of) {
  if (hosts.size() > kNamed) return std::to_string(hosts.size()) + " of " + std::to_string(of) + " MX hosts";
  std::string out;
  for (std::size_t n = 0; n < hosts.size(); ++n)
    out += (n == 0 ? "" : n + 1 == hosts.size() ? " and " : ", ") + hosts[n]->host;
  return out;
}

/// What became of the hosts. One may be in several lists.
struct Hosts {
  std::vector<const MxVerdict*> reached;  // mail can be handed over there, with TLS or without
  std::vector<const MxVerdict*> down;     // no sender reaches it
  std::vector<const MxVerdict*> skipped;  // by senders that enforce, though it is up
  std::vector<const MxVerdict*> by_copy;  // whether the policy lists it depends on the copy that was fetched
  std::vector<const MxVerdict*> no_dane;  // by senders that do DANE: no address fits the TLSA records
  std::vector<const MxVerdict*> bogus;    // senders whose resolver validates find no address
  std::vector<const MxVerdict*> unseen;   // whether a sender that enforces can use it is not known
};

bool is_dnssec(const Finding& f) {
  const auto* entry = find_in_catalogue(f.code);
  return entry && entry->theme == Theme::dnssec;
}

/// What enforces was served earlier; what is served now asks for less, or nothing is.
bool only_held(const Verdict& v) {
  if (v.mode) return *v.mode != Mode::enforce;
  return !v.policy.shown || v.policy.shown->mode != Mode::enforce || v.record.outcome == Outcome::absent;
}

Hosts hosts_of(const Verdict& v) {
  const auto left_out = [&](const MxVerdict& mx) {
    return !only_held(v) && mx.allowed == false && !mx.copies_differ;
  };
  const auto is_bogus = [&](const MxVerdict& mx) {
    return std::ranges::any_of(v.findings, [&](const Finding& f) {
      return is_dnssec(f) && f.severity == Severity::critical && f.subject == mx.host;
    });
  };
  // No TLSA record fits, or none can be looked up for a proven fault: RFC 7672 §2.1.1 has them skip it.
  const auto no_dane = [&](const MxVerdict& mx) {
    const auto mismatched = [](const MxAddressVerdict& a) { return a.dane == Dane::mismatched; };
    return std::ranges::all_of(mx.addresses, mismatched) ||
           std::ranges::any_of(v.findings, [&](const Finding& f) {
             return f.severity == Severity::critical && f.subject == mx.host &&
                    nature_of(f).aspect == Aspect::dane;
           });
  };
  const auto reached = [](const MxAddressVerdict& a) {
    return a.outcome == HostOutcome::ok || a.outcome == HostOutcome::failed;
  };
  Hosts out;
  for (const auto& mx : v.mx) {
    if (mx.host == ".") continue;  // beside others: no host (RFC 7505 §3)
    const bool is_reached = std::ranges::any_of(mx.addresses, reached);
    const bool is_down = !is_reached && mx.usable == false;
    if (is_reached) out.reached.push_back(&mx);
    if (is_down) out.down.push_back(&mx);
    if (is_reached && (mx.usable == false || left_out(mx))) out.skipped.push_back(&mx);
    if (is_reached && mx.usable != false && mx.copies_differ && !only_held(v)) out.by_copy.push_back(&mx);
    if (is_reached && no_dane(mx)) out.no_dane.push_back(&mx);
    if (mx.usable != true && is_bogus(mx))
      out.bogus.push_back(&mx);
    else if (!mx.usable && !left_out(mx))
      out.unseen.push_back(&mx);
  }
  return out;
}

/// Whom a breakage of now hits, of those that enforce.
enum class Hit { all, of_one_copy, holders, fetched };

Hit hit_by(const Verdict& v) {
  const auto& usable = v.enforce_usable_mx;
  if (usable && usable->min == 0 && usable->max > 0) return Hit::of_one_copy;
  const auto good = [](const MxVerdict& mx) { return mx.allowed == true && mx.usable == true; };
  const bool served_is_good = std::ranges::any_of(v.mx, good);
  const bool hit_now =
      v.foresight && v.foresight->usable ? v.foresight->usable->min == 0 : usable && usable->min == 0;
  if (served_is_good || !hit_now || only_held(v)) return Hit::holders;
  return v.earlier_policy_works ? Hit::fetched : Hit::all;
}

/// RULES 4.5: senders that do both judge a host with TLSA records by these alone.
std::string unless_dane(const Verdict& v) {
  if (!v.dane_and_sts) return {};
  const auto& both = v.dane_and_sts->breakage;
  return both && both->at <= v.checked_at ? "" : " (unless they do DANE as well)";
}

std::string in_words(Hit hit) {
  if (hit == Hit::of_one_copy) return "that fetched one of the copies of the policy";
  if (hit == Hit::fetched) return "that have fetched the policy of now";
  return hit == Hit::holders ? "that hold an earlier policy" : "that enforce the policy";
}

std::string enforcing(const Verdict& v) {
  return only_held(v) ? "senders that hold an earlier policy" : "senders that enforce the policy";
}

MailNow stops(const std::string& whose) {
  return {MailNow::State::stops, false,
          "stops now for senders " + whose + "; this keeps no others from delivering",
          "for senders " + whose};
}

MailNow may_stop(const std::string& whose, const std::string& why, bool everybodys = false) {
  return {MailNow::State::may_stop, everybodys, "may be stopping for " + whose + ": " + why,
          "for " + whose + ": " + why};
}

MailNow unseen(const std::string& why) {
  return {MailNow::State::unseen, false, "may flow or not: " + why, why};
}

/// Nobody was seen to take mail.
MailNow without_a_host(const Verdict& v, const Hosts& hosts) {
  if (hosts.down.empty()) return unseen("no MX host could be seen from here");
  std::vector<const MxVerdict*> others;
  for (const auto& mx : v.mx)
    if (mx.host != "." && mx.usable != false) others.push_back(&mx);
  std::string why = "they cannot reach " + named(hosts.down, v.mx.size());
  if (!others.empty()) why += ", and " + named(others, v.mx.size()) + " could not be seen from here";
  return may_stop("all senders", why, true);
}

/// Senders that enforce are sure of no host, and it is not sure that they have none.
MailNow without_a_sure_host(const Verdict& v, const Hosts& hosts) {
  std::vector<const MxVerdict*> of_no_use = hosts.skipped;
  of_no_use.insert(of_no_use.end(), hosts.down.begin(), hosts.down.end());
  std::string why;
  if (!of_no_use.empty()) why = "they cannot use " + named(of_no_use, v.mx.size()) + ", and ";
  why += !hosts.bogus.empty()
             ? "those whose resolver validates do not find " + named(hosts.bogus, v.mx.size())
         : hosts.unseen.empty()
             ? "whether they can use any MX host depends on the copy of the policy they hold"
             : "whether they can use " + named(hosts.unseen, v.mx.size()) + " could not be seen from here";
  return may_stop(enforcing(v), why);
}

bool is_unseen(const Verdict& v) {
  return v.record.outcome == Outcome::unknown ||
         (v.policy.outcome == Outcome::unknown && v.record.outcome != Outcome::absent);
}

bool leaves_no_host(const Verdict& v) {
  return std::ranges::none_of(
      v.mx, [](const MxVerdict& mx) { return mx.usable != false && mx.allowed != false && mx.host != "."; });
}

/// Record or policy was not seen, and if senders apply what is known of them, no host is left to them.
std::optional<MailNow> without_sight(const Verdict& v, const Hosts& hosts) {
  if (v.enforce_usable_mx || !is_unseen(v) || v.live_mode != Mode::enforce || !leaves_no_host(v))
    return std::nullopt;
  return may_stop("senders that enforce a policy",
                  v.policy.shown
                      ? "they can use no MX host under the one that is served, and whether a record "
                        "announces it could not be seen from here"
                      : "they cannot use " + named(hosts.skipped, v.mx.size()) +
                            ", and the policy could not be seen from here");
}

/// Senders that take a record which the RFC refuses, and no host of the policy that it leads to can be used.
std::string stopped_by_record(const Verdict& v) {
  const bool enforces = v.policy.shown && v.policy.shown->mode == Mode::enforce;
  if (v.enforce_usable_mx || v.record.taken_by.empty() || !enforces || !leaves_no_host(v) || v.mx.empty())
    return {};
  return "that take the record all the same (" + comma_separated(v.record.taken_by) + ")";
}

/// Senders that read a file which the RFC refuses, or fetch it from a host that others refuse.
SenderNames readers_of_file(const Verdict& v) {
  if (v.mode || v.policy.shown || v.record.outcome != Outcome::ok) return {};
  std::set<std::string> accept, refuse;
  for (const Finding& f : v.findings) {
    const auto* entry = find_in_catalogue(f.code);
    if (!entry || f.subject != v.domain.policy_host()) continue;
    const bool on_file = entry->theme == Theme::fetch || entry->theme == Theme::policy_tls ||
                         entry->theme == Theme::policy_text;
    if (!on_file || f.severity == Severity::info) continue;
    accept.insert(f.accepted_by.begin(), f.accepted_by.end());
    refuse.insert(f.refused_by.begin(), f.refused_by.end());
  }
  SenderNames out;
  std::ranges::set_difference(accept, refuse, std::back_inserter(out));
  return out;
}

/// Of some senders' reading nothing more is known than that they have one: what none of them could use.
std::optional<MailNow> may_stop_for_readers(const Verdict& v, const Hosts& hosts) {
  const SenderNames readers = readers_of_file(v);
  const bool none = std::ranges::all_of(v.mx, [](const MxVerdict& mx) { return mx.usable == false; });
  if (readers.empty() || !none || hosts.skipped.empty()) return std::nullopt;
  return may_stop("senders that read the policy file all the same (" + comma_separated(readers) + ")",
                  "they cannot use " + named(hosts.skipped, v.mx.size()) + " if it asks them to enforce");
}

std::string but_readers(const Verdict& v) {
  const std::string names = comma_separated(readers_of_file(v));
  return names.empty() ? names : ", but for those that read the policy file all the same (" + names + ")";
}

/// The same of each host: its TLSA records fit.
bool vouched_for(const std::vector<const MxVerdict*>& hosts) {
  const auto matched = [](const MxAddressVerdict& a) { return a.dane == Dane::matched; };
  return !hosts.empty() && std::ranges::all_of(hosts, [&](const MxVerdict* mx) {
    return std::ranges::any_of(mx->addresses, matched);
  });
}

MailNow flows(const Verdict& v, const Hosts& hosts) {
  std::string words = "flows";
  const auto add = [&](std::string_view what, const std::vector<const MxVerdict*>& which) {
    if (!which.empty()) words += "; " + std::string(what) + named(which, v.mx.size());
  };
  add("no sender reaches ", hosts.down);
  add("senders that do DANE skip ", hosts.no_dane);
  add("senders whose resolver validates do not find ", hosts.bogus);
  const auto& usable = v.enforce_usable_mx;
  const bool taken = !v.mode && !v.record.taken_by.empty() && v.policy.shown;
  if (usable || (taken && v.policy.shown->mode == Mode::enforce))
    add(enforcing(v) + (vouched_for(hosts.skipped) ? " and do not do DANE" : "") + " skip ", hosts.skipped);
  if (!hosts.by_copy.empty()) {
    const std::string which = named(hosts.by_copy, v.mx.size());
    words += hosts.by_copy.size() == 1
                 ? "; senders that fetched one of the copies of the policy skip " + which
                 : "; which of " + which +
                       " senders that enforce use depends on the copy of the policy they fetched";
  } else if (usable) {
    const std::string some = hosts.down.empty() && hosts.skipped.empty() ? "some" : "more";
    const int known = usable->of - static_cast<int>(hosts.down.size() + hosts.skipped.size());
    if (usable->max < known)
      words += "; senders that hold an earlier policy skip " + some + " MX hosts";
    else if (usable->min < usable->max && hosts.unseen.empty() && hosts.bogus.empty())
      words += "; senders that fetched one of the copies of the policy skip " + some + " MX hosts";
  }
  if (std::ranges::any_of(v.findings, waits_with_long_keepers))
    words += "; that of senders that keep an earlier policy for longer waits";
  else if (!usable && v.field_usable_mx)
    add("senders that keep an earlier policy for longer skip ", hosts.skipped);
  if (!hosts.unseen.empty())
    words += "; whether " + (usable ? enforcing(v) + " can use " : "senders reach ") +
             named(hosts.unseen, v.mx.size()) + " could not be seen from here";
  if (!v.mode && v.record.outcome != Outcome::unknown && v.policy.outcome != Outcome::unknown) {
    const bool wanted = usable || v.record.outcome != Outcome::absent;
    const bool read_by_some =
        v.record.outcome == Outcome::ok && v.policy.outcome == Outcome::invalid && v.policy.shown;
    if (usable ? !only_held(v) : taken || read_by_some)
      words += v.policy.outcome == Outcome::invalid
                   ? "; senders that refuse the policy deliver without MTA-STS"
                   : "; senders that refuse the record deliver without MTA-STS";
    else if (wanted)
      words += "; senders that hold no policy deliver without MTA-STS" + but_readers(v);
  }
  if (!usable && is_unseen(v) && v.live_mode == Mode::enforce)
    words += "; whether a policy keeps senders from some hosts could not be seen from here";
  return {MailNow::State::flows, false, std::move(words)};
}

/// What stops it is a fault that only a resolver which validates meets.
bool stops_for_validating(const Verdict& v, const Finding& stop) {
  return std::ranges::any_of(v.findings, [&](const Finding& f) {
    return is_dnssec(f) && f.severity == Severity::critical && f.subject == stop.subject;
  });
}

}  // namespace

bool stops_for_all(const Finding& f) {
  const auto* entry = find_in_catalogue(f.code);
  return entry && f.severity == Severity::critical && entry->route.holds_in_every_mode() &&
         nature_of(f).aspect != Aspect::dane && entry->theme != Theme::dnssec;
}

bool stops_who_does_both(const Verdict& v) {
  const auto now = [&](const std::optional<ForecastPoint>& point) {
    return point && point->at <= v.checked_at;
  };
  return v.dane_and_sts && now(v.dane_and_sts->breakage) && !now(v.dane->breakage);
}

std::string hit_senders(const Verdict& v) {
  const Hit hit = hit_by(v);
  return (hit == Hit::all ? "enforcing senders" : "senders " + in_words(hit)) + unless_dane(v);
}

bool waits_with_long_keepers(const Finding& f) {
  const Nature nature = nature_of(f);
  return f.severity != Severity::info && nature.aspect == Aspect::caches && nature.symptom();
}

MailNow mail_now(const Verdict& v) {
  bool for_validating = false;
  for (const Finding& f : v.findings) {
    if (!stops_for_all(f)) continue;
    for_validating = stops_for_validating(v, f);
    if (!for_validating)
      return {MailNow::State::stops, true, "stops now for all senders, as far as can be seen from here"};
  }
  if (for_validating) return stops("whose resolver validates");
  if (v.null_mx || v.status == Status::ok) return {};
  const auto over = [&](const std::optional<ForecastPoint>& point) {
    return point && point->at <= v.checked_at;
  };
  std::string whose = over(v.forecast.breakage) ? in_words(hit_by(v)) : "";
  if (whose.empty()) whose = stopped_by_text(v.findings).whose;
  if (whose.empty()) whose = stopped_by_record(v);
  const auto hosts = hosts_of(v);
  if (over(v.forecast.breakage)) whose += unless_dane(v);
  if (whose.empty() && stops_who_does_both(v)) whose = "that do DANE and enforce the policy";
  if (whose.empty() && !v.mx.empty() && hosts.bogus.size() == v.mx.size()) whose = "whose resolver validates";
  const bool none_by_dane =
      !hosts.reached.empty() && hosts.no_dane.size() == hosts.reached.size() && hosts.unseen.empty();
  if ((v.dane && over(v.dane->breakage)) || none_by_dane)
    text::add(whose, ", and for those ", "that do DANE");
  if (!whose.empty()) return stops(whose);
  if (v.mx_lookup == Lookup::unknown && v.mx.empty())
    return unseen("its MX records could not be looked up from here");
  if (v.mx.empty()) return {};
  if (hosts.reached.empty()) return without_a_host(v, hosts);
  if (v.enforce_usable_mx && v.enforce_usable_mx->min == 0) return without_a_sure_host(v, hosts);
  if (auto unsure = without_sight(v, hosts)) return *unsure;
  if (auto unsure = may_stop_for_readers(v, hosts)) return *unsure;
  return flows(v, hosts);
}

}  // namespace stswatch
