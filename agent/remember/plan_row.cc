#include "agent/remember/saved_look.h"

#include <nlohmann/json.hpp>

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json json_of(const Policy& policy) {
  return {{"mode", to_string(policy.mode)}, {"mx", policy.mx}, {"max_age", policy.max_age}};
}

Json json_of(const PlanStep& step) {
  Json after = Json::array(), mx = nullptr;
  for (const auto& wait : step.after)
    after.push_back({{"step", wait.step}, {"seconds", wait.seconds.count()}});
  if (step.deed == Deed::set_mx) {
    mx = Json::array();
    for (const auto& m : step.mx)
      mx.push_back({{"host", m.host}, {"preference", m.preference}});
  }
  return {{"n", step.n},
          {"do", to_string(step.deed)},
          {"after", after},
          {"not_before", to_utc(step.not_before)},
          {"policy", step.policy ? json_of(*step.policy) : Json(nullptr)},
          {"id", or_null(step.id)},
          {"mx", mx},
          {"host", or_null(step.host)},
          {"text", step.text}};
}

// Rows are our own: a reader that meets something else throws, and plan_from_rows() turns that into "not
// understood".

TimePoint time_in(const Json& json) {
  const auto time = parse_utc(json.get<std::string>());
  if (!time) throw nlohmann::json::other_error::create(501, "no time", nullptr);
  return *time;
}

Policy policy_in(const Json& json) {
  Policy out;
  out.mode = parse_mode(json.at("mode").get<std::string>()).value_or(Mode::none);
  out.mx = json.at("mx").get<std::vector<std::string>>();
  out.max_age = json.at("max_age").get<std::uint64_t>();
  return out;
}

std::string text_in(const Json& json) { return json.is_null() ? std::string() : json.get<std::string>(); }

PlanStep step_in(const Json& json) {
  PlanStep out;
  out.n = json.at("n").get<int>();
  const auto deed = parse_deed(json.at("do").get<std::string>());
  if (!deed) throw nlohmann::json::other_error::create(501, "no such deed", nullptr);
  out.deed = *deed;
  for (const auto& wait : json.at("after"))
    out.after.push_back({wait.at("step").get<int>(), Seconds{wait.at("seconds").get<Seconds::rep>()}});
  out.not_before = time_in(json.at("not_before"));
  if (!json.at("policy").is_null()) out.policy = policy_in(json.at("policy"));
  out.id = text_in(json.at("id"));
  if (!json.at("mx").is_null())
    for (const auto& mx : json.at("mx"))
      out.mx.push_back({.preference = mx.at("preference").get<int>(),
                        .host = mx.at("host").get<std::string>(),
                        .addresses = {}});
  out.host = text_in(json.at("host"));
  out.text = json.at("text").get<std::string>();
  return out;
}

/// Steps are numbered from 1, and wait for earlier ones.
bool sound(const Plan& plan) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].n != static_cast<int>(i) + 1) return false;
    for (const auto& wait : plan.steps[i].after)
      if (wait.step < 0 || wait.step > static_cast<int>(i)) return false;
  }
  return true;
}

Plan plan_in(const Json& json) {
  Plan out;
  const auto verdict = json.at("verdict").get<std::string>();
  for (const auto one : {PlanVerdict::safe, PlanVerdict::unsafe, PlanVerdict::unknown})
    if (to_string(one) == verdict) out.verdict = one;
  out.why = json.at("why").get<std::string>();
  for (const auto& step : json.at("steps"))
    out.steps.push_back(step_in(step));
  out.done_at = time_in(json.at("done_at"));
  return out;
}

void read_progress(const std::string& text, FollowedPlan& out) {
  const auto json = Json::parse(text);
  if (time_in(json.at("since")) != out.since || json.at("done").size() != out.plan.steps.size()) return;
  for (const auto& done : json.at("done"))
    out.done.push_back(done.is_null()
                           ? std::nullopt
                           : std::optional(StepDone{time_in(done.at("from")), time_in(done.at("seen"))}));
  out.id = text_in(json.at("id"));
  out.looked = time_in(json.at("looked"));
  const auto& start = json.at("start");
  out.start.emplace();
  out.start->record_absent = start.at("record_absent").get<bool>();
  out.start->policy_absent = start.at("policy_absent").get<bool>();
  for (const auto& policy : start.at("policies"))
    out.start->policies.push_back(policy_in(policy));
  if (!start.at("mx").is_null()) out.start->mx = start.at("mx").get<std::set<std::string>>();
}

std::string written(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Json to_json(const Plan& plan) {
  Json steps = Json::array();
  for (const auto& step : plan.steps)
    steps.push_back(json_of(step));
  return {{"verdict", to_string(plan.verdict)},
          {"why", plan.why},
          {"steps", steps},
          {"done_at", to_utc(plan.done_at)}};
}

Json to_json(const FollowedPlan& followed, TimePoint now) {
  auto out = to_json(followed.plan);
  out["since"] = to_utc(followed.since);
  out["complete"] = followed.complete();
  const auto course = course_from(followed, now);
  for (std::size_t i = 0; i < followed.plan.steps.size(); ++i) {
    auto& step = out["steps"][i];
    const auto* done = followed.done_at(i);
    step["done"] = done ? Json(to_utc(done->seen)) : Json(nullptr);
    step["safe_from"] = done ? Json(nullptr) : Json(to_utc(course[i]));
  }
  return out;
}

std::string plan_row(const FollowedPlan& followed) {
  auto json = to_json(followed.plan);
  json["since"] = to_utc(followed.since);
  return written(json);
}

std::string progress_row(const FollowedPlan& followed) {
  Json done = Json::array(), policies = Json::array();
  for (const auto& one : followed.done)
    done.push_back(one ? Json{{"from", to_utc(one->from)}, {"seen", to_utc(one->seen)}} : Json(nullptr));
  const auto start = followed.start.value_or(PlanSight{});
  for (const auto& policy : start.policies)
    policies.push_back(json_of(policy));
  return written({{"since", to_utc(followed.since)},
                  {"done", done},
                  {"id", or_null(followed.id)},
                  {"looked", to_utc(followed.looked)},
                  {"start",
                   {{"record_absent", start.record_absent},
                    {"policy_absent", start.policy_absent},
                    {"policies", policies},
                    {"mx", start.mx ? Json(*start.mx) : Json(nullptr)}}}});
}

std::optional<FollowedPlan> plan_from_rows(const std::string& plan, const std::string* progress) {
  try {
    const auto json = Json::parse(plan);
    FollowedPlan out{.plan = plan_in(json), .since = time_in(json.at("since"))};
    if (!sound(out.plan)) return std::nullopt;
    if (progress != nullptr) read_progress(*progress, out);
    return out;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace stswatch
