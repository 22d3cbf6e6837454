#include <algorithm>

#include "agent/commands/plan_report.h"
#include "agent/commands/saved_files.h"

namespace stswatch {
namespace {

constexpr std::size_t kPolicyFile = 1U << 20;

}  // namespace

tl::expected<Policy, std::string> read_policy_file(const std::string& path, std::istream& in) {
  const auto text = read_text(path, in);
  if (!text) return tl::make_unexpected(text.error());
  if (text->size() > kPolicyFile)
    return tl::make_unexpected(path + " is larger than 1 MiB: name a policy file");
  const auto reading = read_policy(*text);
  if (!reading.valid())
    return tl::make_unexpected(path + " is no valid policy: see stswatch lint policy " + path);
  return *reading.strict;
}

tl::expected<std::vector<std::string>, std::string> read_hosts(const std::vector<std::string>& typed) {
  std::vector<std::string> out;
  for (const auto& name : typed) {
    const auto host = Domain::parse(name);
    if (!host) return tl::make_unexpected(host.error());
    out.push_back(host->str());
  }
  return out;
}

std::vector<WorldMx> goal_mx(const Remembered& known, const std::vector<std::string>& hosts) {
  auto now = known.world().mx;
  std::ranges::stable_sort(now, {}, &WorldMx::preference);
  std::vector<std::string> names;
  for (const auto& mx : now)
    names.push_back(mx.host);
  return names == hosts ? now : known.world(hosts).mx;
}

Plan plan_of(const Remembered& known, const Goal& goal) {
  const World world = known.world();
  const auto unseen = known.unseen();
  if (unseen.empty()) {
    Plan plan = make_plan(world, goal);
    const bool enforces = std::ranges::any_of(
        plan.steps, [](const PlanStep& step) { return step.policy && step.policy->mode == Mode::enforce; });
    const auto& verdict = known.record->verdict;
    if (enforces && verdict.mode == Mode::testing && !verdict.readiness_open.empty()) {
      plan.why += " Not ready for enforce yet:";
      for (const auto& gate : verdict.readiness_open)
        plan.why += (&gate == &verdict.readiness_open.front() ? " gate " : "; gate ") + gate;
      plan.why += '.';
    }
    return plan;
  }
  std::string why = "Not seen, so nothing is proven:";
  for (std::size_t i = 0; i < unseen.size(); ++i)
    why += (i == 0 ? " " : ", ") + unseen[i];
  return {PlanVerdict::unknown, why + ". Look again when the resolver answers.", {}, world.now};
}

}  // namespace stswatch
