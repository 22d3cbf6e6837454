#include "agent/remember/memory.h"

#include <algorithm>
#include <set>

#include "checks/judge/case.h"
#include "checks/judge/classify.h"

namespace stswatch {
namespace {

constexpr const char* kSecondDoubt = " second ";

template <class PerAddress>
const PerAddress* of_address(const std::vector<PerAddress>& all, const Address& address) {
  const auto it = std::ranges::find(all, address, &PerAddress::address);
  return it == all.end() ? nullptr : &*it;
}

bool only_dates(const PeerCertificates& peer) {
  return peer.name_matches && std::ranges::all_of(peer.faults, [](const ChainFault& f) {
           return f.kind == ChainFault::Kind::expired || f.kind == ChainFault::Kind::not_yet_valid;
         });
}

bool known(const AnswerFacts& answer) { return answer.lookup != Lookup::unknown; }

/// The key under which a trial of a second probe is doubted.
std::string doubt_of(const Address& address, std::string_view trial) {
  return address.str() + kSecondDoubt + std::string(trial);
}

constexpr Seconds kSameRun{15};  // what was heard so shortly before belongs to the same run (RULES 5.7)

/// One subject's look against what was confirmed before.
class Confirmer {
 public:
  Confirmer(Debounces& debounces, const Vantage& vantage, const ConfirmRules& rules, TimePoint now)
      : debounces_(debounces), vantage_(vantage), rules_(rules), now_(now) {}

  /// `needed`: its absence is a fault from the start. Any other that is first seen is how the subject is set
  /// up (no AAAA, no TLSRPT record): proven by its SOA (RFC 2308 §2), nothing turned bad.
  template <class Record>
  Answer<Record> answer(const std::string& key, const Answer<Record>* before, const Answer<Record>& seen,
                        bool needed = false) {
    if (!known(seen)) return unanswered(key, before, seen);
    debounces_.erase(key + " error");
    const bool was_absent = before != nullptr && before->lookup == Lookup::absent;
    const bool first = before == nullptr || !known(*before);
    const bool turned_bad = seen.lookup == Lookup::absent && !was_absent && (needed || !first);
    if (!turned_bad || enough(key, rules_.confirmations)) {
      debounces_.erase(key);
      return seen;
    }
    Answer<Record> held = before != nullptr ? *before : Answer<Record>{};
    held.name = seen.name;
    held.zone_error.clear();
    return held;
  }

  /// `needed`: a host without any address is a fault; without one of the families it is not.
  HostAddresses addresses(const std::string& key, const HostAddresses* before, const HostAddresses& seen,
                          bool needed = true) {
    needed = needed && seen.lookup() == Lookup::absent;
    return {answer(key + " A", before ? &before->a : nullptr, seen.a, needed),
            answer(key + " AAAA", before ? &before->aaaa : nullptr, seen.aaaa, needed)};
  }

  /// Only a look that asked all servers of the zone says whether they agree.
  SourceAnswer source(const SourceAnswer* before, const SourceAnswer& seen) const {
    if (!seen.all) return before != nullptr && before->all ? *before : seen;
    SourceAnswer out = seen;
    out.differs_since = {};
    if (!out.differs() && !out.signed_apart()) return out;
    // Signatures apart are another matter than records apart: the latter begin anew.
    const bool differed =
        before != nullptr && before->differs_since != TimePoint{} && (before->differs() || !out.differs());
    out.differs_since = differed ? before->differs_since : now_;
    return out;
  }

  std::optional<PolicyFetch> fetch(const PolicyFetch* before, const PolicyFetch* seen) {
    if (seen == nullptr) return copy_of(before);
    const PolicyCopy copy = classify(*seen, vantage_, now_);
    if (copy.outcome == Outcome::unknown) return before ? *before : *seen;
    const std::string key = seen->address.str();
    const FetchEnd end = end_of(*seen, vantage_);
    if (copy.outcome == Outcome::ok || end == FetchEnd::complete) {
      debounces_.erase(key);  // a text that was read is no transient fact, good or bad
      return *seen;
    }
    const bool silence = end == FetchEnd::no_connect && seen->failure->cause == Cause::timeout;
    if (silence && rules_.confirmations == 0 && before) return *before;
    if (end == FetchEnd::no_connect && seen->failure->cause != Cause::refused && rules_.confirmations > 0 &&
        doubt(key).looks > 0 && vantage_.reached_443_at < doubt(key).since)
      return copy_of(before);  // nothing answers this vantage any more: no count
    if (before != nullptr && classify(*before, vantage_, now_).outcome != Outcome::ok &&
        end_of(*before, vantage_) == end) {
      debounces_.erase(key);  // proved before
      return told(*seen, silence);
    }
    int needed = rules_.confirmations - 1;
    if (end == FetchEnd::no_connect) needed = rules_.confirmations;
    if (end == FetchEnd::certificate && seen->tls.peer && only_dates(*seen->tls.peer)) needed = 1;
    return settled(key, needed) ? told(*seen, silence) : copy_of(before);
  }

  SmtpProbe probe(const std::string& host, const SmtpProbe* before, const SmtpProbe& seen) {
    const MxAddressCase at = classify(seen, host, vantage_, now_);
    const bool mute = no_smtp(seen);
    const bool silent = !mute && at.outcome == HostOutcome::unreachable;
    const std::string fault = seen.address.str(), silence = fault + " silent", no_words = fault + " mute";
    const std::string& key = mute ? no_words : silent ? silence : fault;
    if (!silent && (!seen.failure || seen.failure->stage > Stage::connect)) debounces_.erase(silence);
    if (spoke(seen) && !mute) debounces_.erase(no_words);
    if (at.outcome == HostOutcome::ok) {
      debounces_.erase(fault);
      return seen;
    }
    const SmtpProbe held = before ? *before : unseen(seen);
    const bool proved = before && (at.outcome == HostOutcome::failed || before->repeated) &&
                        classify(*before, host, vantage_, now_).code == at.code;
    if (at.outcome == HostOutcome::failed) {
      const bool dates = seen.tls.peer && !seen.failure && only_dates(*seen.tls.peer);
      // RULES 5.3: missing or refused STARTTLS and failed handshakes count as connections.
      const bool dialogue = seen.failure && seen.failure->stage < Stage::certificate;
      const int needed = dialogue ? rules_.confirmations : rules_.confirmations - 1;
      return settled(key, proved || dates ? 1 : needed) ? seen : held;
    }
    if (rules_.confirmations == 0) return before ? *before : seen;
    if (!proves_by_repetition(at, seen)) return before ? *before : seen;
    if (silent && doubt(key).looks > 0 && vantage_.reached_25_at < doubt(key).since) return held;
    // Nobody speaks to this vantage any more, or nobody has yet: it may be the one that is kept waiting.
    if (mute && vantage_.spoke_25_at + kSameRun < doubt(key).since) {
      doubt(key).looks = std::max(doubt(key).looks, 1);
      return held;
    }
    if (!settled(key, proved ? 1 : rules_.confirmations)) return held;
    SmtpProbe proven = seen;
    proven.repeated = true;
    return proven;
  }

  /// RULES 3.2 M, "2 runs": records and chain may be the two halves of a roll-over. What does not match, and
  /// did not before, is not held against the host until a second look has seen the same.
  void settle_tlsa(const SmtpProbe* before, SmtpProbe& out) {
    const std::string key = out.address.str() + " tlsa";
    auto& now = out.tls.tlsa;
    if (now.empty() && out.failure) return;
    const bool good = now.empty() || std::ranges::any_of(now, &TlsaMatch::matches);
    if (good || (before && before->tls.tlsa == now))
      debounces_.erase(key);
    else if (!settled(key, 2))
      now.clear();
  }

  /// What is empty as a rule, and where it is not tells of a fault: not before looks in a row have seen it.
  /// `known`: this look could have seen it.
  template <class Fact>
  Fact rare(const std::string& key, const Fact* before, const Fact& seen, bool known) {
    if (!known) return before != nullptr ? *before : Fact{};
    const bool stands = before != nullptr && *before != Fact{};
    if (seen == Fact{} || stands || settled(key, rules_.confirmations)) {
      debounces_.erase(key);
      return seen;
    }
    return {};
  }

  /// Each trial of a second probe by itself. A fault was met twice with our usual way working in between, and
  /// is told once another second probe has met it again; what was not proved leaves what is known.
  SecondProbe second(const SecondProbe* before, const SecondProbe& seen) {
    SecondProbe out = before ? *before : SecondProbe{.address = seen.address, .at = {}};
    out.at = seen.at;
    std::map<std::string, const Trial*> now;
    each_trial(seen, [&](const char* name, const Trial& trial) { now.emplace(name, &trial); });
    each_trial(out, [&](const char* name, Trial& held) {
      const Trial& trial = *now.at(name);
      if (!trial.good) return;
      const std::string key = doubt_of(seen.address, name);
      const bool proved = *trial.good || held.good == false || held_at_face_value(name);
      if (proved)
        debounces_.erase(key);
      else if (!settled(key, 2))
        return;
      held = trial;
    });
    return out;
  }

  /// Addresses that are gone are no longer doubted.
  void forget_others(const std::set<std::string>& addresses) {
    std::erase_if(debounces_, [&](const auto& entry) {
      const std::string address = entry.first.substr(0, entry.first.find(' '));
      return Address::parse(address).has_value() && !addresses.contains(address);
    });
  }

 private:
  /// Which certificate and which versions a server has does not pass by itself.
  static bool held_at_face_value(std::string_view trial) {
    return trial == "default_certificate" || trial == "legacy";
  }

  /// RULES 5.8: only the zone's own servers, or a failed validation, prove that it is at fault; silence
  /// neither opens nor closes that. What a resolver that is at fault itself calls bogus proves nothing.
  template <class Record>
  Answer<Record> unanswered(const std::string& key, const Answer<Record>* before,
                            const Answer<Record>& seen) {
    Answer<Record> held = before != nullptr && known(*before) ? *before : seen;
    if (seen.exhausted) return held;  // our own means: nothing was learnt of the name
    const bool blind = !vantage_.resolver_blind.empty() && seen.bogus;
    const std::string proof = blind ? std::string() : seen.zone_error;
    if (rules_.confirmations == 0) {
      held.zone_error = proof;
      return held;
    }
    held.zone_error = before != nullptr ? before->zone_error : std::string();
    if (!known(held)) held.bogus = !held.zone_error.empty() && held.bogus;
    if (proof.empty() || (held.zone_error.empty() && !enough(key + " error", rules_.confirmations)))
      return held;
    debounces_.erase(key + " error");
    held.zone_error = proof;
    if (!known(held)) held.bogus = seen.bogus;
    return held;
  }

  /// RULES 5.3: 454 to STARTTLS, and a stall inside the handshake, are proof by repetition, as silence is.
  static bool proves_by_repetition(const MxAddressCase& at, const SmtpProbe& seen) {
    if (at.outcome == HostOutcome::unreachable || no_smtp(seen)) return true;
    if (!seen.failure) return false;
    if (seen.failure->cause == Cause::deferred) return seen.failure->stage == Stage::starttls;
    return seen.failure->cause == Cause::timeout && seen.failure->stage == Stage::handshake;
  }

  static SmtpProbe unseen(const SmtpProbe& seen) {
    SmtpProbe out;
    out.address = seen.address;
    out.failure = Failure{Stage::connect, Cause::cancelled, "a fault was seen and is being confirmed"};
    return out;
  }

  PolicyFetch told(PolicyFetch seen, bool silence) const {
    seen.repeated = silence && rules_.confirmations > 0;
    return seen;
  }

  static std::optional<PolicyFetch> copy_of(const PolicyFetch* fetch) {
    return fetch ? std::optional(*fetch) : std::nullopt;
  }

  Debounce& doubt(const std::string& key) {
    auto& entry = debounces_[key];
    if (entry.looks == 0) entry.since = now_;
    return entry;
  }

  /// Counts this look; true once as many as needed have said the same.
  bool enough(const std::string& key, int needed) {
    if (rules_.confirmations == 0) return true;  // face value
    auto& entry = doubt(key);
    entry.looks = std::min(entry.looks + 1, 1000);
    return entry.looks >= needed;
  }

  /// As enough; what is proved is no longer in doubt.
  bool settled(const std::string& key, int needed) {
    if (!enough(key, needed)) return false;
    debounces_.erase(key);
    return true;
  }

  Debounces& debounces_;
  const Vantage& vantage_;
  const ConfirmRules& rules_;
  TimePoint now_;
};

/// RFC 8461 §3.3: who announces a policy needs a host that serves it.
bool needs_policy_host(const TxtAnswer& sts) {
  return !known(sts) || !sts.cname.empty() || read_sts_records(sts.records).announced();
}

/// Whatever memory notes of them.
template <class PerAddress>
bool same_facts(const PerAddress& one, PerAddress other) {
  other.repeated = one.repeated;
  other.held_from = one.held_from;
  return one == other;
}

/// Where the newest look changed nothing of what is known, what repetition proved does.
template <class PerAddress>
void adopt_proved(std::vector<PerAddress>& now, const std::vector<PerAddress>& before,
                  const std::vector<PerAddress>& confirmed) {
  for (auto& one : now) {
    const auto* last = of_address(before, one.address);
    const auto* proved = of_address(confirmed, one.address);
    if (last && proved && proved->repeated && one.repeated == last->repeated && same_facts(one, *last))
      one = *proved;
  }
}

/// CONTRACT 2, seen_at: what is held from an earlier look carries that look's time, also through the next.
template <class PerAddress>
void date(PerAddress& taken, const PerAddress* last, const PerAddress* now, std::optional<TimePoint> before) {
  const bool of_this_look = now != nullptr && same_facts(taken, *now);
  if (of_this_look) taken.held_from = now->held_from;
  if (of_this_look || last == nullptr) return;
  taken.held_from = last->held_from ? last->held_from : before;
}

std::set<std::string> texts_of(const std::vector<Address>& addresses) {
  std::set<std::string> out;
  for (const auto& address : addresses)
    out.insert(address.str());
  return out;
}

}  // namespace

Seconds settle_in(const Debounces& debounces, TimePoint now, Seconds soon, Seconds routine) {
  if (debounces.empty()) return routine;
  const auto newest = std::ranges::max_element(debounces, {}, [](const auto& d) { return d.second.since; });
  return std::min(std::max(soon, (now - newest->second.since) / 4), routine);
}

bool doubts_second_probe(const Debounces& debounces) {
  return std::ranges::any_of(debounces,
                             [](const auto& d) { return d.first.find(kSecondDoubt) != std::string::npos; });
}

DomainObservation confirm(const DomainObservation* before, const DomainObservation& seen, bool fetched,
                          Debounces& debounces, const Vantage& vantage, const ConfirmRules& rules) {
  Confirmer confirmer(debounces, vantage, rules, seen.at);
  DomainObservation out(seen.domain);
  out.at = seen.at;
  out.sts = confirmer.answer("sts", before ? &before->sts : nullptr, seen.sts);
  out.tlsrpt = confirmer.answer("tlsrpt", before ? &before->tlsrpt : nullptr, seen.tlsrpt);
  // Without MX the domain itself may take its mail (RFC 5321 §5.1); one that does not exist cannot.
  out.mx = confirmer.answer("mx", before ? &before->mx : nullptr, seen.mx, seen.mx.nxdomain);
  out.apex = confirmer.addresses("apex", before ? &before->apex : nullptr, seen.apex);
  out.policy_host = confirmer.addresses("policy host", before ? &before->policy_host : nullptr,
                                        seen.policy_host, needs_policy_host(seen.sts));
  // What was asked only because another answer was missing goes with that answer.
  out.misplaced = known(seen.sts) ? seen.misplaced : before ? before->misplaced : seen.misplaced;
  // So does what was asked beside it; an answer that did not come leaves the last one.
  const auto beside = [&](const TxtAnswer& at, TxtAnswer DomainObservation::*sibling) {
    const bool of_this_look = known(at) && (known(seen.*sibling) || (seen.*sibling).name.empty());
    return of_this_look || !before ? seen.*sibling : before->*sibling;
  };
  out.sts_sibling = beside(seen.sts, &DomainObservation::sts_sibling);
  out.tlsrpt_sibling = beside(seen.tlsrpt, &DomainObservation::tlsrpt_sibling);
  if (before != nullptr && !known(seen.mx)) out.apex = before->apex;
  const SourceFacts* said = before ? &before->source : nullptr;
  out.source = seen.source;
  out.source.sts = confirmer.source(said ? &said->sts : nullptr, seen.source.sts);
  out.source.mx = confirmer.source(said ? &said->mx : nullptr, seen.source.mx);
  out.aside = seen.aside;  // counts for itself
  const auto addresses = out.policy_host.all();
  for (const auto& address : addresses) {
    const auto* last = before ? of_address(before->fetches, address) : nullptr;
    const auto* now = fetched ? of_address(seen.fetches, address) : nullptr;
    if (auto fetch = confirmer.fetch(last, now)) {
      if (fetched) date(*fetch, last, now, rules.fetched_before);
      out.fetches.push_back(std::move(*fetch));
    }
  }
  confirmer.forget_others(texts_of(addresses));
  return out;
}

MxHostObservation confirm(const MxHostObservation* before, const MxHostObservation& seen,
                          Debounces& debounces, const Vantage& vantage, const ConfirmRules& rules) {
  Confirmer confirmer(debounces, vantage, rules, seen.at);
  MxHostObservation out;
  out.host = seen.host;
  out.at = seen.at;
  out.addresses = confirmer.addresses("host", before ? &before->addresses : nullptr, seen.addresses);
  out.tlsa = confirmer.answer("tlsa", before ? &before->tlsa : nullptr, seen.tlsa);
  out.tlsa_denial = confirmer.rare("tlsa denial", before ? &before->tlsa_denial : nullptr, seen.tlsa_denial,
                                   known(seen.tlsa));
  out.trust_end = confirmer.rare("trust end", before ? &before->trust_end : nullptr, seen.trust_end,
                                 seen.addresses.lookup() == Lookup::found);
  // Records that lost their protection are no longer gone by: what was secure is not held.
  if (out.trust_end.proved()) out.tlsa = seen.tlsa;
  out.caa = seen.caa;
  const auto addresses = out.addresses.all();
  for (const auto& address : addresses) {
    const auto* last = before ? of_address(before->probes, address) : nullptr;
    const auto* now = of_address(seen.probes, address);
    if (now == nullptr && last == nullptr) continue;
    out.probes.push_back(now != nullptr ? confirmer.probe(seen.host, last, *now) : *last);
    date(out.probes.back(), last, now, before ? std::optional(before->at) : std::nullopt);
    if (now != nullptr) confirmer.settle_tlsa(last, out.probes.back());
  }
  for (const auto& address : addresses) {
    const auto* last = before ? of_address(before->second, address) : nullptr;
    const auto* now = of_address(seen.second, address);
    if (now == nullptr && last == nullptr) continue;
    out.second.push_back(now != nullptr ? confirmer.second(last, *now) : *last);
  }
  confirmer.forget_others(texts_of(addresses));
  return out;
}

DomainObservation merge_seen(const DomainObservation* known, const DomainObservation& seen, bool fetched,
                             const Vantage& vantage, const DomainObservation* confirmed,
                             std::optional<TimePoint> fetched_before) {
  Debounces none;
  auto out =
      confirm(known, seen, fetched, none, vantage, {.confirmations = 0, .fetched_before = fetched_before});
  if (known && confirmed) adopt_proved(out.fetches, known->fetches, confirmed->fetches);
  return out;
}

MxHostObservation merge_seen(const MxHostObservation* known, const MxHostObservation& seen,
                             const Vantage& vantage, const MxHostObservation* confirmed) {
  Debounces none;
  auto out = confirm(known, seen, none, vantage, {.confirmations = 0});
  if (known && confirmed) adopt_proved(out.probes, known->probes, confirmed->probes);
  return out;
}

}  // namespace stswatch
