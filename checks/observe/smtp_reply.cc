#include "checks/observe/smtp_reply.h"

#include <algorithm>
#include <array>
#include <utility>

#include "checks/facts/bounds.h"

namespace stswatch {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool alphanumeric(char c) { return digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return alphanumeric(c) || c == '-'; });
}

/// Letters, digits, hyphens; two labels or more; a last label that the Internet could know (RFC 6761, RFC
/// 6762).
bool is_full_name(std::string_view name) {
  if (name.size() > 253) return false;
  std::size_t labels = 0;
  std::string_view last;
  for (std::string_view rest = name;; ++labels) {
    const std::size_t dot = rest.find('.');
    last = rest.substr(0, dot);
    if (!is_label(last)) return false;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  constexpr std::array<std::string_view, 7> kLocal = {"localdomain", "localhost", "local",  "lan",
                                                      "internal",    "home",      "invalid"};
  return labels > 0 && !std::all_of(last.begin(), last.end(), digit) &&
         std::none_of(kLocal.begin(), kLocal.end(), [&](auto name) { return equal_in_any_case(name, last); });
}

/// Nothing that could end the command line or start another argument.
bool is_safe(std::string_view name) {
  return !name.empty() && name.size() <= 255 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

tl::unexpected<Failure> fail(Stage stage, Cause cause, std::string detail) {
  return tl::unexpected(Failure{stage, cause, std::move(detail)});
}

}  // namespace

std::string SmtpReply::str() const {
  std::string text = std::to_string(code);
  if (!lines.empty() && !lines.front().empty()) text += ' ' + lines.front();
  return text;
}

bool SmtpReply::offers(std::string_view keyword) const {
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (equal_in_any_case(line.substr(0, line.find_first_of(" =")), keyword)) return true;
  }
  return false;
}

Failure refusal(Stage stage, const SmtpReply& reply) {
  const Cause cause = reply.code / 100 == 4   ? Cause::deferred
                      : reply.code / 100 == 5 ? Cause::rejected
                                              : Cause::malformed;
  return {stage, cause, printable(reply.str(), bounds::kDetail)};
}

/// True once the line ends the reply, which is then in partial_.
Result<bool> SmtpReplyReader::take_line(std::string_view line, Stage stage) {
  // RFC 5321 §4.2: Reply-code = %x32-35 %x30-35 %x30-39. Deployed servers also use a second digit above 5.
  const bool coded = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && digit(line[1]) && digit(line[2]);
  if (!coded || (line.size() > 3 && line[3] != ' ' && line[3] != '-'))
    return fail(stage, Cause::malformed, "not an SMTP reply: \"" + printable(line, 60) + "\"");
  // RFC 5321 §4.2: textstring has no NUL. Other octets beyond the grammar are common in banners and do no
  // harm.
  if (line.find('\0') != std::string_view::npos)
    return fail(stage, Cause::malformed, "a NUL in an SMTP reply: \"" + printable(line, 60) + "\"");
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (!partial_.lines.empty() && code != partial_.code)
    return fail(
        stage, Cause::malformed,
        "the codes of one reply differ: " + std::to_string(partial_.code) + " and " + std::to_string(code));
  if (partial_.lines.size() == bounds::kSmtpReplyLines)
    return fail(stage, Cause::over_budget,
                "a reply of more than " + std::to_string(bounds::kSmtpReplyLines) + " lines");
  partial_.code = code;
  partial_.lines.push_back(printable(line.substr(std::min<std::size_t>(4, line.size())), bounds::kSmtpLine));
  return line.size() < 4 || line[3] == ' ';
}

Result<std::optional<SmtpReply>> SmtpReplyReader::next(Stage stage) {
  for (;;) {
    const std::size_t lf = pending_.find('\n', scanned_);
    const bool complete = lf != std::string::npos;
    const std::size_t size = complete ? lf + 1 : pending_.size();
    if (consumed_ + size > bounds::kSmtpDialogue)
      return fail(stage, Cause::over_budget,
                  "more than " + std::to_string(bounds::kSmtpDialogue) + " octets of replies");
    if (size > bounds::kSmtpLine)
      return fail(stage, Cause::over_budget,
                  "a reply line of more than " + std::to_string(bounds::kSmtpLine) + " octets");
    if (!complete) {
      scanned_ = pending_.size();
      return std::optional<SmtpReply>{};
    }
    std::string_view line(pending_.data(), lf);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);  // a bare LF is read like CRLF
    const auto last = take_line(line, stage);
    if (!last) return tl::unexpected(last.error());
    pending_.erase(0, size);
    scanned_ = 0;
    consumed_ += size;
    if (*last) return std::exchange(partial_, SmtpReply{});
  }
}

void SmtpReplyReader::discard() {
  consumed_ += pending_.size();
  pending_.clear();
  scanned_ = 0;
  partial_ = SmtpReply{};
}

std::string ehlo_name(std::string_view configured, std::string_view machine,
                      const std::optional<Address>& ours) {
  if (is_safe(configured)) return std::string(configured);
  if (is_full_name(machine)) return std::string(machine);
  if (!ours) return "[127.0.0.1]";  // no route, hence no peer to read it
  return ours->is_v6() ? "[IPv6:" + ours->str() + "]" : "[" + ours->str() + "]";  // RFC 5321 §4.1.3
}

}  // namespace stswatch
