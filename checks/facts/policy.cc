#include "checks/facts/policy.h"

#include <algorithm>
#include <map>
#include <set>

#include "checks/facts/address.h"
#include "checks/facts/bounds.h"
#include "checks/facts/domain.h"
#include "checks/facts/records.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch {

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::none:
      return "none";
    case Mode::testing:
      return "testing";
    case Mode::enforce:
      return "enforce";
  }
  return "none";
}

std::optional<Mode> parse_mode(std::string_view text) {
  for (const Mode mode : {Mode::none, Mode::testing, Mode::enforce}) {
    if (text == to_string(mode)) return mode;
  }
  return std::nullopt;
}

bool PolicyReading::has(PolicyFault fault) const {
  return std::any_of(departures.begin(), departures.end(), [&](const auto& d) { return d.fault == fault; });
}

const Policy* PolicyReading::applied() const {
  if (strict) return &*strict;
  return lenient ? &*lenient : nullptr;
}

namespace {

using Fault = PolicyFault;

constexpr std::ptrdiff_t kPerFault = 8;  // one finding each: a handful of examples is enough
constexpr std::size_t kNamed = 64;       // unknown fields looked at closely
constexpr std::string_view kBom = "\xEF\xBB\xBF";

/// One pass over the file for both readings: the strict one is spoilt by any departure from the grammar, the
/// lenient one goes on as chasquid does (lines without a colon skipped, white space trimmed, keys
/// case-sensitive).
class Reader {
 public:
  PolicyReading read(std::string_view body) {
    if (body.starts_with(kBom)) {
      spoil(Fault::nonconforming_line, 1, "a byte order mark stands before the first field",
            Oddity::byte_order_mark);
      body.remove_prefix(kBom.size());
    }
    PolicyLines lines(body);
    while (const auto line = lines.next()) {
      line_ = line->number;
      if (line->bare_cr) spoil(Fault::line_ending, line_, "the line ends in a bare CR: LF or CRLF is due");
      take(line->text);
    }
    conclude();
    if (!out_.strict && looks_like_html(body)) {
      out_.lenient.reset();
      out_.departures = {{Fault::html, 1, "a web page is served: it begins " + text::quoted(body), false}};
    }
    return std::move(out_);
  }

 private:
  static bool looks_like_html(std::string_view body) {
    const std::size_t first = body.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return false;
    if (body[first] == '<') return true;
    return text::lower(body).find("<html") != std::string::npos;
  }

  void note(Fault fault, std::size_t line, const std::string& detail, Oddity oddity = Oddity::none) {
    const auto same = [&](const PolicyDeparture& d) { return d.fault == fault; };
    const auto known = [&](const PolicyDeparture& d) { return same(d) && d.oddity == oddity; };
    if (std::count_if(out_.departures.begin(), out_.departures.end(), same) >= kPerFault &&
        std::any_of(out_.departures.begin(), out_.departures.end(), known))
      return;
    out_.departures.push_back({fault, line, printable(detail, bounds::kDetail), false, oddity});
  }

  void spoil(Fault fault, std::size_t line, const std::string& detail, Oddity oddity = Oddity::none) {
    conforms_ = false;
    explained_ = true;
    note(fault, line, detail, oddity);
  }

  // A known field is lost with the line; an extension that is spoilt troubles few readers.
  void take_control(std::string_view line, const std::string& fault) {
    const auto key = policy_key(text::trim(line.substr(0, line.find(':'))));
    const std::string where =
        key ? ", in the field \"" + std::string(kPolicyKeys[*key]) + '"' : std::string();
    spoil(Fault::control_characters, line_, fault + where,
          key                   ? Oddity::in_known_field
          : text::is_utf8(line) ? Oddity::none
                                : Oddity::not_utf8);
  }

  // A line that is no field: reported at the end, where nothing more precise says why the policy is refused.
  void no_field(std::string_view line, const char* why) {
    conforms_ = false;
    if (!no_field_.empty()) return;
    no_field_ = text::quoted(line) + ' ' + why;
    no_field_line_ = line_;
  }

  // RFC 8461 §3.2: sts-policy-record = sts-policy-field *WSP *(sts-policy-term sts-policy-field *WSP) [term]
  void take(std::string_view raw) {
    std::string_view line = text::rtrim(raw);
    const std::string control = control_fault(raw);
    if (!control.empty()) take_control(raw, control);
    hush_ = !control.empty();
    if (line.empty()) return spoil(Fault::nonconforming_line, line_, "a blank line", Oddity::blank_line);
    if (text::is_wsp(line.front())) {
      spoil(Fault::nonconforming_line, line_, text::quoted(line) + " begins with white space",
            Oddity::leading_space);
      line = text::ltrim(line);
    }
    if (line.front() == '#' || line.front() == ';' || line.starts_with("//")) {
      return spoil(Fault::nonconforming_line, line_,
                   text::quoted(line) + " is a comment: the format has none",
                   line.find(':') == line.npos ? Oddity::comment : Oddity::comment_with_colon);
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return no_field(line, "is no field: \"key: value\" is due");
    std::string_view key = line.substr(0, colon);
    if (text::rtrim(key).size() != key.size()) {
      // RFC 8461 §3.2: sts-policy-field-delim = ":" *WSP
      spoil(Fault::nonconforming_line, line_, text::quoted(line) + " has white space before the colon",
            Oddity::space_before_colon);
      key = text::rtrim(key);
    }
    take_field(line, key, text::ltrim(line.substr(colon + 1)));
  }

  void take_field(std::string_view line, std::string_view key, std::string_view value) {
    ++fields_;
    const auto known = policy_key(key);
    if (!known) return take_other(line, key, value);
    if (*known == kMxKey) {
      seen_[kMxKey] = true;
      return take_mx(value);
    }
    if (seen_[*known]) {
      // RFC 8461 §3.2: "If any non-repeated field ... is duplicated, all entries except for the first SHALL
      // be ignored."
      note(Fault::duplicate_field, line_,
           text::quoted(line) + " repeats \"" + std::string(key) + "\": only the first counts",
           Oddity::known_field_repeated);
      if (*known == kModeKey) last_mode_ = parse_mode(value);
      if (!is_policy_value(value)) no_field(line, "has no value that the grammar allows");
      return;
    }
    seen_[*known] = true;
    if (*known == kVersionKey) return take_version(value);
    if (*known == kModeKey) return take_mode(value);
    take_max_age(value);
  }

  // A fault of a value; the control characters in its line are named already, and are the cause.
  void bad_value(Fault fault, const std::string& detail, Oddity oddity = Oddity::none) {
    conforms_ = false;
    if (!hush_) spoil(fault, line_, detail, oddity);
  }

  void take_version(std::string_view value) {
    version_ = value == "STSv1";
    if (!version_) {
      bad_value(Fault::version_invalid, text::quoted(value) + " where exactly \"STSv1\" is due");
    } else if (fields_ > 1) {
      note(Fault::version_not_first, line_,
           "\"version\" stands on line " + std::to_string(line_) + ", not on the first");
    }
  }

  void take_mode(std::string_view value) {
    policy_.mode = parse_mode(value).value_or(Mode::none);
    mode_ = parse_mode(value).has_value();
    if (!mode_)
      bad_value(Fault::mode_invalid,
                text::quoted(value) + " where \"enforce\", \"testing\" or \"none\" is due",
                parse_mode(text::lower(value)) ? Oddity::mode_case : Oddity::none);
  }

  // RFC 8461 §3.2: "max_age": plaintext non-negative integer seconds, maximum value of 31557600; 1*10(DIGIT)
  void take_max_age(std::string_view value) {
    constexpr std::size_t kDigits = 10;
    const Oddity oddity = number_oddity(value);
    if (!is_number(value)) {
      bad_value(Fault::max_age_invalid,
                text::quoted(value) + " where plain seconds are due, such as \"604800\"", oddity);
      if (oddity != Oddity::signed_number) return;
      value.remove_prefix(1);  // every reader that uses its language's own conversion takes it
    }
    std::uint64_t seconds = 0;
    for (const char c : value) {
      seconds = std::min(seconds * 10 + static_cast<std::uint64_t>(c - '0'), bounds::kMaxAgeLimit + 1);
    }
    // More digits than the grammar has are taken for what they say, where that is no more than a year.
    max_age_ = value.size() <= kDigits || seconds <= bounds::kMaxAgeLimit;
    policy_.max_age = std::min(seconds, bounds::kMaxAgeLimit);
    if (value.size() > kDigits) {
      bad_value(Fault::max_age_invalid,
                text::quoted(value) + " has " + std::to_string(value.size()) + " digits: 10 are allowed");
    } else if (seconds > bounds::kMaxAgeLimit) {
      bad_value(Fault::max_age_too_large, text::quoted(value) + " is over 31557600, one year");
    }
  }

  static bool is_number(std::string_view value) {
    return !value.empty() && std::all_of(value.begin(), value.end(), text::is_digit);
  }

  static Oddity number_oddity(std::string_view value) {
    if (value.starts_with('+') && is_number(value.substr(1))) return Oddity::signed_number;
    const std::size_t dot = value.find('.');
    const bool zeros = dot != value.npos && value.find_first_not_of('0', dot + 1) == value.npos;
    return zeros && is_number(value.substr(0, dot)) ? Oddity::fraction : Oddity::none;
  }

  // What nothing matches is kept too, in the lenient reading: a sender that holds such a policy defers, as
  // one that lists no host (RULES 0.4).
  void keep_bad(std::string_view value) {
    if (!value.empty() && !hush_) policy_.mx.push_back(printable(text::lower(value), bounds::kDetail));
  }

  static Oddity pattern_oddity(std::string_view value) {
    if (is_list_or_address(value)) return Oddity::mx_unreadable;
    const bool dotted = value.starts_with('.') && is_mx_pattern(value.substr(1));
    return dotted ? Oddity::mx_leading_dot : Oddity::none;
  }

  // RFC 8461 §3.2: sts-policy-mx-value = ["*."] Domain
  void take_mx(std::string_view value) {
    if (is_mx_pattern(value)) {
      policy_.mx.push_back(text::lower(value));
      const std::string_view name = value.starts_with("*.") ? value.substr(2) : value;
      // Inside the grammar, yet no host in DNS can have that name.
      if (Address::parse(name))
        note(Fault::mx_invalid_pattern, line_, mx_fault(name), pattern_oddity(value));
      else if (!to_a_labels(name))
        note(Fault::mx_invalid_pattern, line_,
             text::quoted(value) + " is longer than DNS allows (63 a label, 253 in all)");
      return;
    }
    if (!std::all_of(value.begin(), value.end(), text::is_ascii)) {
      // RFC 8461 §3.2: "the "mx" value MUST specify the Punycode-encoded A-label"
      bad_value(Fault::mx_ulabel, mx_fault(value));
    } else if (value.ends_with('.') && is_mx_pattern(value.substr(0, value.size() - 1))) {
      bad_value(Fault::mx_trailing_dot, text::quoted(value) + " ends in a dot: remove it");
      keep_bad(value);
    } else {
      bad_value(Fault::mx_invalid_pattern, mx_fault(value), pattern_oddity(value));
      keep_bad(value);
    }
  }

  void take_other(std::string_view line, std::string_view key, std::string_view value) {
    const bool conforms = is_extension_name(key) && is_policy_value(value);
    if (const auto meant = misspelt_policy_key(key)) {
      misspelt_.emplace(line_, *meant);
      if (text::iequals(key, kPolicyKeys[*meant])) folded_[*meant] = true;
      note(Fault::key_case, line_,
           text::quoted(key) + " is not \"" + std::string(kPolicyKeys[*meant]) +
               "\": senders do not know this key",
           text::iequals(key, kPolicyKeys[*meant]) ? Oddity::key_case : Oddity::none);
      if (!conforms) conforms_ = false;
    } else if (!conforms && is_extension_name(key) && value.find('\t') != std::string_view::npos) {
      return spoil(Fault::control_characters, line_, "a tab inside the value of " + text::quoted(line));
    } else if (!conforms) {
      return no_field(line, "is no field that the grammar allows");
    }
    if (!conforms || hush_) return;
    if (!names_.insert(key).second) {
      if (misspelt_policy_key(key) == kMxKey) return;  // as mx, it may come again
      return note(Fault::duplicate_field, line_,
                  text::quoted(line) + " repeats \"" + std::string(key) + "\": only the first counts");
    }
    policy_.extensions.emplace_back(key, value);
    if (misspelt_policy_key(key)) return;
    // RFC 8461 §3.2: "unknown fields SHALL be ignored"
    if (names_.size() > kNamed) return;
    const std::string_view closest = closest_policy_key(key);
    note(Fault::unknown_field, line_,
         text::quoted(key) + " is not a registered field" +
             (closest.empty() ? "" : ": is \"" + std::string(closest) + "\" meant?"));
  }

  // RFC 8461 §3.2: version, mode and max_age are "required once", mx "at least once, except when mode is
  // "none"".
  void conclude() {
    const bool wants_mx = mode_ && policy_.mode != Mode::none;
    if (std::none_of(seen_.begin(), seen_.end(), [](bool b) { return b; }) && misspelt_.empty())
      return nothing();
    if (!seen_[kVersionKey])
      spoil(Fault::version_invalid, 0, "no \"version\" line: \"version: STSv1\" is due",
            in_other_case(kVersionKey) ? Oddity::key_case : Oddity::version_missing);
    if (!seen_[kModeKey])
      spoil(Fault::mode_invalid, 0, "no \"mode\" line: \"mode: testing\" or another is due",
            in_other_case(kModeKey) ? Oddity::key_case : Oddity::none);
    if (!seen_[kMaxAgeKey])
      spoil(Fault::max_age_invalid, 0, "no \"max_age\" line: \"max_age: 604800\" or another is due",
            in_other_case(kMaxAgeKey) ? Oddity::key_case : Oddity::none);
    if (!seen_[kMxKey] && wants_mx) {
      spoil(Fault::mx_missing, 0, "no \"mx\" line with mode " + std::string(to_string(policy_.mode)),
            in_other_case(kMxKey) ? Oddity::key_case : Oddity::none);
    }
    for (PolicyDeparture& d : out_.departures) {
      if (d.fault != Fault::key_case) continue;
      const std::size_t key = misspelt_.at(d.line);
      d.field_lost = !seen_[key] && (key != kMxKey || !mode_ || wants_mx);
      // RFC 8461 §3.2: "unknown fields SHALL be ignored". Of mx each line counts.
      if (seen_[key] && key != kMxKey) d.oddity = Oddity::key_beside;
    }
    // Beside a name they are nothing to whoever strips them; alone they leave it an empty list.
    if (std::all_of(policy_.mx.begin(), policy_.mx.end(), is_asterisks))
      for (PolicyDeparture& d : out_.departures)
        if (d.fault == Fault::mx_invalid_pattern) d.oddity = Oddity::mx_unreadable;
    if (!no_field_.empty() && !explained_) note(Fault::not_a_policy, no_field_line_, no_field_);
    if (!version_ || !mode_ || !max_age_ || (wants_mx && policy_.mx.empty())) return;
    out_.lenient = policy_;
    if (last_mode_ && *last_mode_ != policy_.mode) out_.last_mode = last_mode_;
    if (conforms_) out_.strict = policy_;
  }

  /// The key is there but for its case: a reader that folds it has the field.
  bool in_other_case(std::size_t key) const { return folded_[key]; }

  // No field of a policy in any spelling: what stands there instead is no matter of single lines.
  void nothing() {
    std::erase_if(out_.departures, [](const auto& d) { return d.fault != Fault::control_characters; });
    for (PolicyDeparture& d : out_.departures)
      d.oddity = Oddity::in_known_field;  // as UTF-16 has it: no reader finds a field that counts
    if (out_.departures.empty()) {
      note(Fault::not_a_policy, no_field_line_, no_field_.empty() ? "the file holds no field" : no_field_,
           no_field_.empty() ? Oddity::no_field_at_all : Oddity::none);
    }
  }

  PolicyReading out_;
  Policy policy_;
  std::array<bool, kPolicyKeys.size()> seen_{};
  std::array<bool, kPolicyKeys.size()> folded_{};  // in other letter case
  std::map<std::size_t, std::size_t> misspelt_;    // line to key
  std::set<std::string_view> names_;               // of extensions
  std::string no_field_;                           // the first line that is none
  std::size_t no_field_line_ = 0;
  std::size_t line_ = 0;
  std::size_t fields_ = 0;
  bool version_ = false;  // each: the first such field is in order
  bool mode_ = false;
  bool max_age_ = false;
  std::optional<Mode> last_mode_{};  // of a mode that is repeated
  bool conforms_ = true;             // to the ABNF so far
  bool explained_ = false;           // a precise fault says why it does not
  bool hush_ = false;                // the line at hand has control characters
};

}  // namespace

PolicyReading read_policy(std::string_view body) { return Reader().read(body); }

bool same_patterns(const Patterns& a, const Patterns& b) {
  const bool whole = a.more == 0 && b.more == 0;
  if (whole && std::ranges::equal(a.mx, b.mx)) return true;
  if (whole && a.digest.empty() && b.digest.empty())
    return std::set<std::string_view>(a.mx.begin(), a.mx.end()) ==
           std::set<std::string_view>(b.mx.begin(), b.mx.end());
  const auto digest = [](const Patterns& p) {
    return p.digest.empty() ? digest_of(p.mx) : std::string(p.digest);
  };
  return digest(a) == digest(b);
}

bool same_policy(const Policy& a, const Policy& b) {
  return a.mode == b.mode && a.max_age == b.max_age &&
         same_patterns({a.mx, a.more, a.mx_digest}, {b.mx, b.more, b.mx_digest});
}

std::string digest_of(std::span<const std::string> mx) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U; };
  for (const auto pattern : std::set<std::string_view>(mx.begin(), mx.end())) {
    std::ranges::for_each(pattern, add);
    add('\n');
  }
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4)
    out += "0123456789abcdef"[hash >> shift & 0xfU];
  return out;
}

}  // namespace stswatch
