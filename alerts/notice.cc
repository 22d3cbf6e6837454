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

}  // namespace stswatch
