// The plan that is followed: which steps are done, which may be done now, when the others may.
#include <algorithm>

#include "agent/tell/pages.h"

namespace stswatch::domain_page {
namespace {

void write_step(Html& page, const View& view, std::size_t i, TimePoint safe_from) {
  const auto& f = *view.plan;
  const auto* done = f.done_at(i);
  const auto next = next_step(f);
  const bool waits = next && next->step != &f.plan.steps[i];
  page.raw(done ? "<li class=\"dim\">" : "<li>").text(f.plan.steps[i].text).raw(" <span class=\"tag\">");
  if (done)
    page.text("seen done ");
  else if (waits)
    page.text("not before step " + std::to_string(next->step->n) + " is done, and then not before ");
  else if (turns_on_enforce(f, f.plan.steps[i]) && !view.verdict.readiness_open.empty())
    page.text("better not before the readiness gates hold; its waits end ");
  else
    page.text(safe_from <= view.now() ? "its waits are over since " : "not before ");
  page.raw("</span>");
  const auto at = done ? done->seen : !waits && next && next->safe_from ? *next->safe_from : safe_from;
  write_when(page, at, view.now());
  const auto early = early_steps(f, view.now());
  const auto bad = std::ranges::find(early, &f.plan.steps[i], &EarlyStep::step);
  if (bad != early.end())
    page.raw(" <span class=\"tag warning\">")
        .text(bad->missing ? "done before step " + std::to_string(bad->missing->n)
                           : "done too early: it would have been safe from " + in_minutes(*bad->safe_from))
        .raw("</span>");
  page.raw("</li>");
}

}  // namespace

std::vector<TimelineMark> marks_of_plan(const View& view) {
  std::vector<TimelineMark> out;
  if (view.plan == nullptr) return out;
  const auto course = course_from(*view.plan, view.now());
  for (std::size_t i = 0; i < course.size(); ++i) {
    const bool done = view.plan->done_at(i) != nullptr;
    const auto& step = view.plan->plan.steps[i];
    if (!done)
      out.push_back({course[i], "plan: step " + std::to_string(step.n) + " (" +
                                    std::string(to_string(step.deed)) + ") may be done"});
  }
  return out;
}

void plan(Html& page, const View& view) {
  if (view.plan == nullptr) return;
  const auto course = course_from(*view.plan, view.now());
  page.raw("<h2 id=\"plan\">The plan</h2><p>").text("Followed since ");
  write_when(page, view.plan->since, view.now());
  page.text(view.plan->complete() ? ". All of its steps are done. " : ". ")
      .text(view.plan->plan.why)
      .raw("</p><ol>");
  for (std::size_t i = 0; i < course.size(); ++i)
    write_step(page, view, i, course[i]);
  page.raw("</ol>");
}

}  // namespace stswatch::domain_page
