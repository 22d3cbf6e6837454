#include "checks/facts/join.h"
#include "checks/judge/senders/plan_task.h"

#include <algorithm>
#include <array>
#include <map>

namespace stswatch::planner {
namespace {

std::string policy_words(const Policy& policy) {
  std::string out = "mode " + std::string(to_string(policy.mode));
  if (!policy.mx.empty()) out += ", mx " + text::joined(policy.mx);
  return out + ", max_age " + std::to_string(policy.max_age);
}

std::string why_not(const Task& task, const std::string& host) {
  for (const auto& mx : task.goal_mx) {
    if (mx.host != host) continue;
    if (mx.addresses.empty()) return "it has no address";
    std::string out;
    for (const auto& a : mx.addresses) {
      text::add(out, "; ", a.address + ": ");
      if (!a.reachable)
        out += "not seen";
      else if (!*a.reachable)
        out += "unreachable";
      else if (!a.starttls)
        out += "no STARTTLS";
      else if (!a.trusted)
        out += "its certificate is not trusted";
      else if (a.not_after && *a.not_after <= task.world.now)
        out += "its certificate ended at " + to_utc(*a.not_after);
      else
        out += "its certificate does not name the host or is not valid yet";
    }
    return out;
  }
  return "it is not usable";
}

/// To the second: who waits too little loses mail.
std::string exactly(Seconds span) {
  const auto left = span.count();
  const std::array<std::pair<Seconds::rep, const char*>, 4> units{
      {{left / 86400, " d"}, {left / 3600 % 24, " h"}, {left / 60 % 60, " min"}, {left % 60, " s"}}};
  std::string out;
  for (const auto& [count, unit] : units)
    if (count > 0) text::add(out, " ", std::to_string(count) + unit);
  return out;
}

std::string waits_words(const PlanStep& step) {
  std::string out;
  for (const auto& wait : step.after) {
    if (wait.seconds.count() == 0) continue;
    out += (out.empty() ? " At least " : ", and ") + exactly(wait.seconds) + " after ";
    out += wait.step == 0 ? "the moment of this plan" : "step " + std::to_string(wait.step);
  }
  return out.empty() ? out : out + '.';
}

/// Nothing new is served before it: the file stands, and its id is another one's.
std::string id_words(const Task& task, const PlanStep& step, const Plan& plan) {
  const bool served = std::ranges::any_of(
      plan.steps, [&](const PlanStep& s) { return s.n < step.n && s.deed == Deed::serve_policy; });
  if (!task.id_of_another || served) return {};
  return " The id of now, " + *task.world.current_id +
         ", was there with an earlier file too: who fetched that one keeps it under this id.";
}

bool testing_before(const Task& task, const PlanStep& step, const Plan& plan) {
  Mode before = task.current() ? task.current()->mode : Mode::none;
  for (const auto& one : plan.steps)
    if (one.n < step.n && one.policy) before = one.policy->mode;
  return before == Mode::testing;
}

/// The step is late enough that no resolver shows the former MX set.
bool waits_for_resolvers(const Task& task, const PlanStep& step, int move) {
  return std::ranges::any_of(step.after, [&](const Wait& wait) {
    return wait.step == move && wait.seconds >= Seconds(task.world.mx_ttl);
  });
}

std::string serve_words(const Task& task, const PlanStep& step, const Plan& plan) {
  std::string out = "Serve this policy at every address of mta-sts." + task.world.domain + ": " +
                    policy_words(*step.policy) + '.';
  const auto moves = [](const PlanStep& s) { return s.deed == Deed::set_mx; };
  const auto move = std::ranges::find_if(plan.steps, moves);
  if (step.policy->mode == Mode::enforce && testing_before(task, step, plan))
    out +=
        " Better not before the readiness gates hold: two weeks without a fault, and TLS reports that show "
        "none.";
  if (task.retire)
    out += " Senders that fetch it let go of the former one (RFC 8461 section 8.3).";
  else if (move != plan.steps.end() && step.n < move->n && step.policy->mode == Mode::enforce)
    out +=
        " It lists the MX hosts of before and after, because mail goes to both until the last old cache has"
        " ended (RFC 8461 section 8.1).";
  else if (move != plan.steps.end() && waits_for_resolvers(task, step, move->n))
    out += " By then no resolver shows the former MX set.";
  return out;
}

std::string mx_words(const Task& task, const PlanStep& step) {
  std::vector<std::string> hosts;
  for (const auto& mx : step.mx)
    hosts.push_back(std::to_string(mx.preference) + ' ' + mx.host);
  std::string out = "Make this the whole MX set: " + text::joined(hosts) + '.';
  const bool waits = std::ranges::any_of(step.after, [](const Wait& w) { return w.seconds.count() > 0; });
  if (waits) out += " Until then some sender may hold a policy under which it would lose by that.";
  std::vector<std::string> leave;
  for (const auto& mx : task.start)
    if (std::ranges::find(step.mx, mx.host, &WorldMx::host) == step.mx.end()) leave.push_back(mx.host);
  if (!leave.empty())
    out += " Let " + text::joined(leave) + " answer for another " + exactly(Seconds(task.world.mx_ttl)) +
           ": so long resolvers may show the former set.";
  return out;
}

std::string words(const Task& task, const PlanStep& step, const Plan& plan) {
  const auto& domain = task.world.domain;
  switch (step.deed) {
    case Deed::repair:
      if (step.host == "mta-sts." + domain)
        return "Renew the certificate of " + step.host + ": it ended at " +
               to_utc(*task.world.policy_host_not_after) + ", and no sender fetches a policy until then.";
      return "Repair " + step.host + ": no enforcing sender can use it (" + why_not(task, step.host) + ").";
    case Deed::serve_policy:
      return serve_words(task, step, plan);
    case Deed::publish_id:
      return "Publish \"v=STSv1; id=" + step.id + ";\" at _mta-sts." + domain +
             ", once every address serves the file: senders look for another policy only under another id." +
             id_words(task, step, plan);
    case Deed::set_mx:
      return mx_words(task, step);
    case Deed::remove_record:
      return "Remove the record at _mta-sts." + domain +
             ": by then the last enforce policy that any sender holds has ended.";
    case Deed::remove_policy:
      return "Remove the policy file from mta-sts." + domain + '.';
  }
  return {};
}

std::optional<TimePoint> when(const Plan& plan, Deed deed, bool first) {
  std::optional<TimePoint> out;
  for (const auto& step : plan.steps)
    if (step.deed == deed && !(first && out)) out = step.not_before;
  return out;
}

/// "HOST at DATE" of what is good now and ends before the plan does.
std::vector<std::string> ending(const Task& task, const World& world, const Plan& plan) {
  std::map<std::pair<TimePoint, std::string>, bool> found;
  const auto add = [&](const WorldMx& mx) {
    for (const auto& a : mx.addresses)
      if (a.not_after && world.now < *a.not_after && *a.not_after <= plan.done_at)
        found[{*a.not_after, mx.host}] = true;
  };
  for (const auto& mx : world.mx)
    add(mx);
  for (const auto& mx : task.goal_mx)
    add(mx);
  const bool file = task.current() || task.strays() || when(plan, Deed::serve_policy, true);
  const auto& host = world.policy_host_not_after;
  if (file && host && world.now < *host && *host <= plan.done_at)
    found[{*host, "mta-sts." + world.domain}] = true;
  std::vector<std::string> out;
  for (const auto& [key, yes] : found)
    out.push_back(key.second + " at " + to_utc(key.first));
  return out;
}

}  // namespace

void describe(const Task& task, Plan& plan) {
  for (auto& step : plan.steps)
    step.text = words(task, step, plan) + waits_words(step);
}

std::string remarks(const Task& task, const World& world, const Plan& plan) {
  std::string out;
  if (!task.inherent.empty())
    out += " The goal itself has enforcing senders skip " + text::joined(task.inherent) +
           ": broken, or not listed by its policy, and preferred to a host that works.";
  const auto certificates = ending(task, world, plan);
  if (!certificates.empty())
    out += " Certificates that end before the plan does have to be renewed in time: " +
           text::joined(certificates) + '.';
  return out;
}

}  // namespace stswatch::planner
