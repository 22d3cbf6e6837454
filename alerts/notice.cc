#include "alerts/notice.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace stswatch {

Seconds back_off(int failures, std::optional<Seconds> retry_after, double spread) {
  constexpr double kFirst = 5, kLongest = 600;
  const double base = std::min(kFirst * std::pow(2.0, std::clamp(failures - 1, 0, 20)), kLongest);
  const Seconds wait{static_cast<std::int64_t>(std::ceil(base * (0.75 + spread / 2)))};
  return std::max(wait, std::min(retry_after.value_or(Seconds{0}), Seconds{86400}));
}

namespace {

template <class E>
std::optional<E> parse_word(std::string_view word, std::initializer_list<E> all) {
  const auto found = std::ranges::find_if(all, [&](E e) { return to_string(e) == word; });
  return found == all.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::string_view to_string(NoticeKind kind) {
  constexpr std::array<std::string_view, 5> kNames = {"new", "worse", "better", "reminder", "resolved"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<NoticeKind> parse_notice_kind(std::string_view word) {
  using enum NoticeKind;
  return parse_word(word, {fresh, worse, better, reminder, resolved});
}

std::optional<Severity> parse_severity(std::string_view word) {
  using enum Severity;
  return parse_word(word, {info, warning, critical});
}

std::optional<Route> parse_route(std::string_view word) {
  using enum Route;
  return parse_word(word, {log, ticket, page});
}

std::vector<AlertIdentity::Level> levels_of(const Notice& notice) {
  if (!notice.alert.levels.empty()) return notice.alert.levels;
  return {{notice.route, notice.severity}};
}

std::vector<AlertIdentity::Level> ended(const Notice& before, const Notice& now) {
  auto out = levels_of(before);
  const auto left = levels_of(now);
  std::erase_if(out, [&](const auto& level) { return std::ranges::find(left, level) != left.end(); });
  return out;
}

void continue_alert(const Notice* before, Notice& notice) {
  if (before == nullptr) return;
  if (!before->alert.labels.empty()) notice.alert.labels = before->alert.labels;
  notice.alert.levels = levels_of(*before);
  if (notice.kind == NoticeKind::resolved) return;
  const AlertIdentity::Level now{notice.route, notice.severity};
  std::erase_if(notice.alert.levels, [&](const auto& level) { return level > now; });
  if (std::ranges::find(notice.alert.levels, now) == notice.alert.levels.end())
    notice.alert.levels.push_back(now);
}

}  // namespace stswatch
