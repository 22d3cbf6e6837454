#include "checks/reports/read.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "checks/facts/text.h"

namespace stswatch::reports {
namespace {

using Json = nlohmann::json;

/// Why a report is no report.
struct Wrong {
  std::string what;
};

/// Before anything is built of it: how deep and how many its values are. Grammar is the parser's business.
void refuse_excess(std::string_view text) {
  std::size_t depth = 0, values = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kNesting) throw Wrong{"nested deeper than " + std::to_string(kNesting)};
      ++values;
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
    } else if (c == ',' && ++values > kValues) {
      throw Wrong{"more than " + std::to_string(kValues) + " values"};
    }
  }
}

const Json* member(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

const Json& object_at(const Json& object, const char* key) {
  const auto* value = member(object, key);
  if (value == nullptr) throw Wrong{std::string(key) + " is missing"};
  if (!value->is_object()) throw Wrong{std::string(key) + " is no object"};
  return *value;
}

std::string required_text(const Json& object, const char* key) {
  const auto* value = member(object, key);
  if (value == nullptr) throw Wrong{std::string(key) + " is missing"};
  if (!value->is_string()) throw Wrong{std::string(key) + " is no string"};
  return value->get<std::string>();
}

/// What nobody counts by is read where it is a text, and is left out where it is something else.
std::string optional_text(const Json& object, const char* key) {
  const auto* value = member(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

/// RFC 8460 §4.4 prints mx-host as an array in its grammar and as a string in its example.
std::vector<std::string> texts(const Json& object, const char* key) {
  std::vector<std::string> out;
  const auto* value = member(object, key);
  if (value == nullptr) return out;
  if (value->is_string()) return {value->get<std::string>()};
  if (!value->is_array()) throw Wrong{std::string(key) + " is neither an array nor a string"};
  for (const auto& each : *value) {
    if (!each.is_string()) throw Wrong{std::string(key) + " holds something that is no string"};
    out.push_back(each.get<std::string>());
  }
  return out;
}

/// RFC 7493 §2.2: integers beyond 2^53 are not the same everywhere. Absent and null read as 0.
std::uint64_t count(const Json& object, const char* key) {
  const auto* value = member(object, key);
  if (value == nullptr) return 0;
  const auto bad = [&] { return Wrong{std::string(key) + " is no count: " + value->dump().substr(0, 40)}; };
  if (value->is_number_unsigned()) {
    const auto number = value->get<std::uint64_t>();
    if (number > kMostSessions) throw bad();
    return number;
  }
  if (!value->is_string()) throw bad();
  const auto& digits = value->get_ref<const std::string&>();
  constexpr std::size_t kDigits = 16;  // of 2^53
  if (digits.empty() || digits.size() > kDigits || !std::ranges::all_of(digits, text::is_digit)) throw bad();
  const auto number = std::stoull(digits);
  if (number > kMostSessions) throw bad();
  return number;
}

/// Digits [at, at + n) of `s` as a number, -1 where they are none.
int digits_at(std::string_view s, std::size_t at, std::size_t n) {
  if (at + n > s.size()) return -1;
  int out = 0;
  for (const char c : s.substr(at, n)) {
    if (!text::is_digit(c)) return -1;
    out = out * 10 + (c - '0');
  }
  return out;
}

/// The offset of RFC 3339 §5.6; Microsoft leaves it out and means UTC.
std::optional<Seconds> offset_of(std::string_view rest) {
  if (rest.empty() || rest == "Z" || rest == "z") return Seconds{0};
  const int hours = digits_at(rest, 1, 2), minutes = digits_at(rest, 4, 2);
  const bool shaped = rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':';
  if (!shaped || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const Seconds offset{hours * 3600 + minutes * 60};
  return rest[0] == '-' ? -offset : offset;
}

std::optional<TimePoint> date_time(std::string_view s) {
  const bool shaped = s.size() >= 19 && s[4] == '-' && s[7] == '-' &&
                      (s[10] == 'T' || s[10] == 't' || s[10] == ' ') && s[13] == ':' && s[16] == ':';
  if (!shaped) return std::nullopt;
  const int year = digits_at(s, 0, 4), month = digits_at(s, 5, 2), day = digits_at(s, 8, 2);
  const int hour = digits_at(s, 11, 2), minute = digits_at(s, 14, 2), second = digits_at(s, 17, 2);
  if (year < 1970 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  auto rest = s.substr(19);
  if (rest.starts_with('.')) {
    std::size_t end = 1;
    while (end < rest.size() && text::is_digit(rest[end]))
      ++end;
    if (end == 1) return std::nullopt;
    rest.remove_prefix(end);
  }
  const auto offset = offset_of(rest);
  if (!offset) return std::nullopt;
  return TimePoint{std::chrono::sys_days{date}} + Seconds{hour * 3600 + minute * 60 + second} - *offset;
}

TimePoint moment(const Json& range, const char* key) {
  const auto told = required_text(range, key);
  const auto at = date_time(told);
  if (!at) throw Wrong{std::string(key) + " is no date-time: " + text::quoted(told)};
  return *at;
}

ReportFailure failure_of(const Json& row) {
  return {.result_type = required_text(row, "result-type"),
          .sessions = count(row, "failed-session-count"),
          .sending_ip = optional_text(row, "sending-mta-ip"),
          .mx = optional_text(row, "receiving-mx-hostname"),
          .helo = optional_text(row, "receiving-mx-helo"),
          .receiving_ip = optional_text(row, "receiving-ip"),
          .information = optional_text(row, "additional-information"),
          .reason = optional_text(row, "failure-reason-code")};
}

/// Without its rows.
ReportPolicy policy_of(const Json& entry) {
  const auto& policy = object_at(entry, "policy");
  ReportPolicy out;
  out.type = required_text(policy, "policy-type");
  out.domain = optional_text(policy, "policy-domain");
  out.policy_string = texts(policy, "policy-string");
  out.mx_host = texts(policy, "mx-host");
  if (member(entry, "summary") != nullptr) {
    const auto& summary = object_at(entry, "summary");
    out.successful = count(summary, "total-successful-session-count");
    out.failed = count(summary, "total-failure-session-count");
  }
  const auto* rows = member(entry, "failure-details");
  if (rows != nullptr && !rows->is_array()) throw Wrong{"failure-details is no array"};
  return out;
}

/// What the parser asks at each step. Rows and policies become values as soon as they are whole, and what
/// nobody reads is never built: a report costs its text and little more, whatever its reporter put in.
class Sieve {
 public:
  bool keep(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (dropped_ > 0 && (depth > dropped_ || (depth == dropped_ && event != Event::key))) return false;
    dropped_ = 0;
    switch (event) {
      case Event::key:
        return keep_key(static_cast<std::size_t>(depth), parsed.get_ref<const std::string&>());
      case Event::object_start:
      case Event::array_start:
        begin(static_cast<std::size_t>(depth), event == Event::array_start);
        return true;
      case Event::object_end:
        return !taken(static_cast<std::size_t>(depth), parsed);
      case Event::value:
        if (++built_ > kBuilt) throw Wrong{"more than " + std::to_string(kBuilt) + " values beside its rows"};
        refuse_other(static_cast<std::size_t>(depth));
        return true;
      case Event::array_end:
        break;
    }
    return true;
  }

  std::vector<ReportPolicy> policies() { return std::move(policies_); }

 private:
  static constexpr std::size_t kPolicy = 2, kRow = 4;  // how deep they are
  static constexpr std::size_t kBuilt = 20'000;

  bool keep_key(std::size_t depth, const std::string& key) {
    constexpr std::array<std::string_view, 24> kKnown = {"organization-name",
                                                         "contact-info",
                                                         "date-range",
                                                         "start-datetime",
                                                         "end-datetime",
                                                         "report-id",
                                                         "policies",
                                                         "policy",
                                                         "policy-type",
                                                         "policy-string",
                                                         "policy-domain",
                                                         "mx-host",
                                                         "summary",
                                                         "total-successful-session-count",
                                                         "total-failure-session-count",
                                                         "failure-details",
                                                         "result-type",
                                                         "failed-session-count",
                                                         "sending-mta-ip",
                                                         "receiving-mx-hostname",
                                                         "receiving-mx-helo",
                                                         "receiving-ip",
                                                         "additional-information",
                                                         "failure-reason-code"};
    const bool known = std::ranges::find(kKnown, key) != kKnown.end();
    if (!known) dropped_ = static_cast<int>(depth);
    if (depth < keys_.size()) keys_[depth] = known ? key : std::string();
    return known;
  }

  /// Whether what begins or stands at `depth` is an element of the policies, or of the failure-details of
  /// one.
  bool among_policies(std::size_t depth) const {
    return depth == kPolicy && arrays_[1] && keys_[1] == "policies";
  }
  bool among_rows(std::size_t depth) const {
    return depth == kRow && arrays_[1] && keys_[1] == "policies" && !arrays_[2] && arrays_[3] &&
           keys_[3] == "failure-details";
  }

  void refuse_other(std::size_t depth) const {
    if (among_policies(depth)) throw Wrong{"policies holds something that is no object"};
    if (among_rows(depth)) throw Wrong{"failure-details holds something that is no object"};
  }

  void begin(std::size_t depth, bool array) {
    if (array) refuse_other(depth);
    if (depth < arrays_.size()) arrays_[depth] = array;
    // Of two members of one name the last is meant.
    if (array && among_policies(depth + 1)) policies_.clear();
    if ((array && among_rows(depth + 1)) || (!array && among_policies(depth))) forget_rows();
    if (among_policies(depth) || among_rows(depth)) built_before_[depth == kRow] = built_;
  }

  bool taken(std::size_t depth, const Json& parsed) {
    const bool row = among_rows(depth);
    if (!row && !among_policies(depth)) return false;
    built_ = built_before_[row];
    if (row) {
      add(failure_of(parsed));
      return true;
    }
    if (policies_.size() == kPolicies) throw Wrong{"more than " + std::to_string(kPolicies) + " policies"};
    policies_.push_back(policy_of(parsed));
    auto& failures = policies_.back().failures;
    failures = std::move(rows_);
    for (auto& [_, rest] : rest_)
      failures.push_back(std::move(rest));
    forget_rows();
    return true;
  }

  /// Beyond the bound only sums are kept, by the words that are counted.
  void add(ReportFailure row) {
    if (kept_ < kRows) {
      ++kept_;
      rows_.push_back(std::move(row));
      return;
    }
    const auto word = result_type_word(row.result_type);
    auto& rest = rest_[std::string(word)];
    rest.result_type = word;
    rest.sessions = added(rest.sessions, row.sessions);
  }

  void forget_rows() {
    rows_.clear();
    rest_.clear();
  }

  int dropped_ = 0;  // how deep the member is that nobody reads; 0: none
  std::array<std::string, kRow + 1> keys_{};
  std::array<bool, kRow + 1> arrays_{};
  std::size_t built_ = 0, kept_ = 0;
  std::array<std::size_t, 2> built_before_{};  // the policy under way, and its row
  std::vector<ReportPolicy> policies_;
  std::vector<ReportFailure> rows_;
  std::map<std::string, ReportFailure> rest_;
};

TlsReport report_of(const Json& json, Sieve& sieve) {
  if (!json.is_object()) throw Wrong{"no JSON object"};
  TlsReport out;
  out.organization = required_text(json, "organization-name");
  out.report_id = required_text(json, "report-id");
  if (out.organization.empty() || out.report_id.empty())
    throw Wrong{"organization-name or report-id is empty: nothing tells this report from others"};
  if (const auto* contact = member(json, "contact-info"); contact != nullptr && contact->is_string())
    out.contact = contact->get<std::string>();
  const auto& range = object_at(json, "date-range");
  out.start = moment(range, "start-datetime");
  out.end = moment(range, "end-datetime");
  if (out.end < out.start) throw Wrong{"date-range ends before it begins"};
  const auto* policies = member(json, "policies");
  if (policies == nullptr) throw Wrong{"policies is missing"};
  if (!policies->is_array()) throw Wrong{"policies is no array"};  // RFC 8460 §4: also for a single one
  out.policies = sieve.policies();
  return out;
}

}  // namespace

tl::expected<TlsReport, std::string> read_report_json(std::string_view text) {
  try {
    refuse_excess(text);
    Sieve sieve;
    const auto json = Json::parse(
        text,
        [&](int depth, Json::parse_event_t event, Json& parsed) { return sieve.keep(depth, event, parsed); },
        false);  // UTF-8 only, as RFC 7493 §2.1 has it
    if (json.is_discarded()) throw Wrong{"no JSON in UTF-8"};
    return report_of(json, sieve);
  } catch (const Wrong& wrong) {
    return tl::make_unexpected(wrong.what);
  } catch (const Json::exception& e) {
    return tl::make_unexpected(std::string(e.what()));
  }
}

}  // namespace stswatch::reports
