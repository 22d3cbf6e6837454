#include <algorithm>

#include "alerts/digest.h"

namespace stswatch {

TimePoint last_due(const WeeklyAt& at, TimePoint now) {
  using namespace std::chrono;
  const auto today = floor<days>(now);
  const auto back = weekday(today) - at.day;  // 0 to 6 days
  const TimePoint due = today - back + at.time;
  return due <= now ? due : due - days(7);
}

DigestSchedule::DigestSchedule(KeyValueStore& key_values, std::string receiver, WeeklyAt at, TimePoint now)
    : key_values_(key_values), receiver_(std::move(receiver)), at_(at) {
  const auto rows = key_values_.all(kTable);
  const auto row = rows.find(receiver_);
  const auto known = row == rows.end() ? std::nullopt : parse_utc(row->second);
  last_ = known.value_or(now);
  if (!known) key_values_.put(kTable, receiver_, to_utc(last_));
}

std::optional<TimePoint> DigestSchedule::due(TimePoint now) {
  if (last_ > now) last_ = now;  // the calendar was set back
  const auto date = last_due(at_, now);
  return date > last_ && now - date <= kLate ? std::optional(date) : std::nullopt;
}

TimePoint DigestSchedule::next(TimePoint now) const { return last_due(at_, now) + std::chrono::days(7); }

void DigestSchedule::sent(TimePoint date) {
  last_ = date;
  key_values_.put(kTable, receiver_, to_utc(date));
}

}  // namespace stswatch
