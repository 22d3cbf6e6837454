// One update of one domain: a look becomes a record with its findings open or closed. Pure: the
// service brings the time and keeps the record.
#pragma once

#include <set>
#include <string>

#include "agent/remember/memory.h"
#include "checks/facts/tls_report.h"
#include "checks/judge/senders/plan.h"

namespace stswatch {

/// What a domain is judged with besides its own facts.
struct JudgeInputs {
  MxLooks known, confirmed;  // the newest looks at its MX hosts
  std::map<std::string, std::shared_ptr<const HostPast>> pasts;
  Vantage vantage;
  Limits limits;
  // RULES 3.2 Q, check-stale: how old what is known of a part or a host may be; none given: any age.
  std::map<Part, Seconds> stale_after{};
  Seconds host_stale_after{0};
  std::map<std::string, LookTimes> host_times{};
  std::shared_ptr<const DomainReports> reports{};  // null: none have ever come
  std::shared_ptr<const FollowedPlan> plan{};      // null: none is followed
};

struct DomainUpdate {
  std::shared_ptr<const DomainMemory> record;
  std::vector<Transition> transitions;
  std::shared_ptr<const FollowedPlan> plan{};  // as far as it has come with this look; null: none is followed
  Outcome policy = Outcome::unknown;           // what this look by itself proved of the policy
};

/// After a look at the domain; `before` is null at the first. `fetched`: the look asked for the policy.
DomainUpdate after_look(const DomainMemory* before, const DomainObservation& seen, bool fetched,
                        const JudgeInputs& around);

/// After a look at one of its MX hosts. `host_seen`: that look saw all of the host's addresses.
DomainUpdate after_mx_look(const DomainMemory& before, const std::string& host, bool host_seen, TimePoint now,
                           const JudgeInputs& around);

/// After a restart: the record with its verdict, which is not stored. Nothing was seen anew, so that no
/// finding opens or closes.
std::shared_ptr<const DomainMemory> judged_again(const DomainMemory& stored, TimePoint now,
                                                 const JudgeInputs& around);

/// Something waits for another look soon: a doubt, or a finding that has had its first good one.
bool wants_confirmation(const DomainMemory& record);
/// How long until it: `soon` at first, `routine` at last (settle_in()).
Seconds next_look_in(const DomainMemory& record, TimePoint now, Seconds soon, Seconds routine);
/// The same of one of its MX hosts: a finding on it has had its first good look.
bool wants_confirmation(const DomainMemory& record, const std::string& host);

}  // namespace stswatch
