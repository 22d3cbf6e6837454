// Mail by submission to the operator's smarthost (RFC 6409), or by a program of this machine.
#include "alerts/sink.h"

#include <sys/wait.h>
#include <sysexits.h>

#include <algorithm>
#include <string_view>

#include "alerts/compose.h"
#include "alerts/digest.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "config/program/program.h"

namespace stswatch {

namespace {

constexpr std::size_t kMailLine = 76;
constexpr std::string_view kHex = "0123456789ABCDEF";

std::string encoded(char c) {
  const auto value = static_cast<unsigned char>(c);
  return {'=', kHex[value >> 4U], kHex[value & 15U]};
}

bool is_ascii_text(std::string_view s) { return std::ranges::none_of(s, text::is_foreign); }

/// RFC 2047 §4.2, §5: words of at most 75 octets, no character cut in two.
std::string encoded_words(std::string_view s, std::size_t column) {
  constexpr std::string_view kBegin = "=?utf-8?Q?", kEnd = "?=";
  std::string out, word;
  const auto close = [&] {
    if (!out.empty()) out += "\r\n ";
    out += std::string(kBegin) + word + std::string(kEnd);
    word.clear();
    column = 1;
  };
  while (!s.empty()) {
    std::size_t n = 1;
    while (n < s.size() && (static_cast<unsigned char>(s[n]) & 0xC0U) == 0x80U)
      ++n;
    std::string piece;
    for (const char c : s.substr(0, n))
      piece += text::is_alnum(c) ? std::string(1, c) : c == ' ' ? "_" : encoded(c);
    if (column + kBegin.size() + word.size() + piece.size() + kEnd.size() > kMailLine) close();
    word += piece;
    s.remove_prefix(n);
  }
  if (!word.empty()) close();
  return out;
}

std::string folded(std::string_view s, std::size_t column) {
  std::string out;
  while (!s.empty()) {
    const auto end = std::min(s.find(' '), s.size());
    if (!out.empty() && column + 1 + end > kMailLine) {
      out += "\r\n";
      column = 0;
    }
    if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += s.substr(0, end);
    column += end;
    s.remove_prefix(std::min(end + 1, s.size()));
  }
  return out;
}

std::string mailbox_text(const Mailbox& box) {
  if (box.name.empty()) return '<' + box.address + '>';
  if (!is_ascii_text(box.name)) return encoded_words(box.name, kMailLine / 2) + " <" + box.address + '>';
  std::string quoted;
  for (const char c : box.name)
    quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return '"' + quoted + "\" <" + box.address + '>';
}

std::string date_text(TimePoint at) {
  constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto utc = to_utc(at);  // "2026-12-01T00:00:00Z"
  return std::string(kDays[std::chrono::weekday(day).c_encoding()]) + ", " + utc.substr(8, 2) + ' ' +
         std::string(kMonths[static_cast<unsigned>(date.month()) - 1]) + ' ' + utc.substr(0, 4) + ' ' +
         utc.substr(11, 8) + " +0000";
}

/// What may stand in a Message-ID or List-Id: RFC 5322 §3.6.4 dot-atom-text.
std::string atom(std::string_view s) {
  std::string out;
  for (const char c : s)
    out += text::is_alnum(c) || c == '-' || c == '_' ? c : '-';
  return out.empty() ? "x" : out;
}

std::string part(std::string_view type, std::string_view body, const std::string& boundary) {
  return "--" + boundary + "\r\nContent-Type: " + std::string(type) +
         "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted_printable(body) +
         "\r\n";
}

}  // namespace

std::string quoted_printable(std::string_view s) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = s[i];
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool last = i + 1 == s.size() || s[i + 1] == '\n';
    const bool plain = c != '=' && !text::is_foreign(c) && !(last && text::is_wsp(c));
    const std::string piece = plain ? std::string(1, c) : encoded(c);
    if (column + piece.size() + (last ? 0 : 1) > kMailLine) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  }
  return out;
}

std::string header_text(std::string_view name, std::string_view text) {
  std::string value = clean(text);
  std::ranges::replace(value, '\n', ' ');
  const auto column = name.size() + 2;
  // What looks like an encoded word would be decoded by the reader.
  const bool plain =
      is_ascii_text(value) && value.find("=?") == value.npos && value.find_first_of('\t') == value.npos;
  const auto longest = [&] {
    std::size_t most = 0, now = 0;
    for (const char c : value)
      most = std::max(most, now = c == ' ' ? 0 : now + 1);
    return most;
  };
  return std::string(name) + ": " +
         (plain && longest() < 500 ? folded(value, column) : encoded_words(value, column)) + "\r\n";
}

namespace {

/// What a message says, and where it belongs.
struct MailParts {
  std::string subject, key, thread, text, html;
};

std::string assembled(const MailParts& parts, const std::string& receiver, const Mailbox& from,
                      const std::vector<Mailbox>& to, TimePoint sent) {
  const auto domain = from.address.substr(from.address.rfind('@') + 1);
  const auto thread = atom(parts.thread);
  const auto list = atom(receiver);
  const auto message_id = [&](const std::string& what) {
    return "<stswatch." + what + "." + list + "@" + domain + ">";
  };
  const std::string boundary = "=_stswatch_" + thread;  // "=_" occurs in no quoted-printable text
  std::string out = "From: " + mailbox_text(from) + "\r\nTo: ";
  for (std::size_t i = 0; i < to.size(); ++i)
    out += (i == 0 ? "" : ",\r\n ") + mailbox_text(to[i]);
  out += "\r\n" + header_text("Subject", parts.subject);
  out += "Date: " + date_text(sent) + "\r\n";
  out += "Message-ID: " + message_id(atom(parts.key)) + "\r\n";
  // A root that nobody sends keeps the thread together, whichever of its notices came first.
  out += "In-Reply-To: " + message_id(thread + ".root") + "\r\nReferences: " + message_id(thread + ".root") +
         "\r\n";
  out += "List-Id: <" + list + ".stswatch." + domain + ">\r\n";
  out += "Auto-Submitted: auto-generated\r\n";  // RFC 3834 §5: nobody's vacation notice answers
  out += header_text("X-Stswatch-Key", parts.key);
  out += "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"" + boundary + "\"\r\n\r\n";
  out += part("text/plain", parts.text, boundary) + part("text/html", parts.html, boundary);
  return out + "--" + boundary + "--\r\n";
}

}  // namespace

std::string to_mail(const Notice& notice, const std::string& receiver, const Mailbox& from,
                    const std::vector<Mailbox>& to, TimePoint sent) {
  return assembled({subject_line(notice), notice.key, std::string(notice.thread()), to_plain_text(notice),
                    to_html(notice)},
                   receiver, from, to, sent);
}

std::string to_mail(const Digest& digest, const std::string& receiver, const Mailbox& from,
                    const std::vector<Mailbox>& to, TimePoint sent) {
  return assembled({digest_subject(digest), digest.key, "digest", digest_text(digest), digest_html(digest)},
                   receiver, from, to, sent);
}

namespace {

class EmailSink : public Sink {
 public:
  EmailSink(EmailReceiver receiver, SinkOptions with)
      : receiver_(std::move(receiver)), with_(std::move(with)) {}

  SendResult send(const Notice& notice, const Notice*, const std::stop_token& stop) override {
    return send_made(
        [&](const Mailbox& from, const std::vector<Mailbox>& to) {
          return to_mail(notice, receiver_.name, from, to, with_.now());
        },
        stop);
  }
  SendResult send_digest(const Digest& digest, const std::stop_token& stop) override {
    return send_made(
        [&](const Mailbox& from, const std::vector<Mailbox>& to) {
          return to_mail(digest, receiver_.name, from, to, with_.now());
        },
        stop);
  }

 private:
  static SendResult config(std::string what) { return {SendResult::Kind::failed, "config", std::move(what)}; }

  template <class Make>
  SendResult send_made(Make make, const std::stop_token& stop) {
    const auto from = parse_mailbox(receiver_.from);
    if (!from) return config("\"from\" " + from.error());
    std::vector<Mailbox> to;
    std::vector<std::string> addresses;
    for (const auto& text : receiver_.to) {
      const auto box = parse_mailbox(text);
      if (!box) return config("\"to\" holds what " + box.error());
      addresses.push_back(box->address);
      to.push_back(*box);
    }
    auto message = make(*from, to);
    if (!receiver_.sendmail.empty())
      return hand_to_sendmail({.program = receiver_.sendmail,
                               .from = from->address,
                               .to = std::move(addresses),
                               .message = std::move(message),
                               .show = with_.show},
                              stop);
    MailRequest mail{.smarthost = receiver_.smarthost, .tls = receiver_.tls, .username = receiver_.username};
    mail.ca_file = with_.ca_file;
    mail.show = with_.show;
    mail.from = from->address;
    mail.to = std::move(addresses);
    mail.message = std::move(message);
    if (!receiver_.username.empty()) {
      if (receiver_.tls == SmtpTls::none)
        return config("no password or token is sent without TLS: set tls to \"starttls\" or \"implicit\"");
      mail.auth = receiver_.auth;
      const bool token = !receiver_.oauth_token_file.empty();
      auto secret = with_.secret(token ? receiver_.oauth_token_file : receiver_.password_file);
      if (!secret) return config(secret.error());
      (token ? mail.token : mail.password) = std::move(*secret);
    }
    return submit(mail, stop);
  }

  const EmailReceiver receiver_;
  const SinkOptions with_;
};

}  // namespace

std::unique_ptr<Sink> make_email_sink(const EmailReceiver& receiver, const SinkOptions& with) {
  return std::make_unique<EmailSink>(receiver, with);
}

// By a program of this machine.

std::string with_unix_lines(std::string_view message) {
  std::string out;
  for (std::size_t i = 0; i < message.size(); ++i)
    if (message[i] != '\r' || i + 1 == message.size() || message[i + 1] != '\n') out += message[i];
  return out;
}

namespace {

using Kind = SendResult::Kind;
using How = ProgramEnd::How;

SendResult judged(const ProgramEnd& end) {
  std::string words = end.str();
  if (!end.out.empty())
    words += ": " + printable(end.out.substr(0, end.out.find_last_not_of("\r\n ") + 1), 200);
  if (!end.status || !WIFEXITED(*end.status)) return {Kind::failed, "server", words};
  switch (WEXITSTATUS(*end.status)) {
    case 0:
      if (!end.took_input) return {Kind::failed, "server", words + ", but it did not read the message"};
      return {Kind::sent, "", ""};
    case EX_TEMPFAIL:
      return {Kind::failed, "throttled", words};
    case EX_DATAERR:
    case EX_NOUSER:
    case EX_NOHOST:
      return {Kind::refused, "rejected", words};
    case EX_CONFIG:
    case EX_USAGE:
    case EX_NOPERM:
      return {Kind::failed, "config", words};
    default:
      return {Kind::failed, "server", words};
  }
}

}  // namespace

SendResult hand_to_sendmail(const SendmailRequest& what, const std::stop_token& stop) {
  if (what.show) {
    what.show(as_shown(what));
    return {Kind::sent, "", ""};
  }
  std::vector<std::string> words{what.program, "-i", "-f", what.from, "--"};
  words.insert(words.end(), what.to.begin(), what.to.end());
  const std::string message = with_unix_lines(what.message);
  const auto end = run_program({.words = std::move(words),
                                .around = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"},
                                .input = message,
                                .patience = what.patience,
                                .output = std::size_t{1} << 20,
                                .stop = stop});
  if (!end) return {Kind::failed, "config", end.error()};
  if (end->how == How::ended) return judged(*end);
  const char* why = end->how == How::flooded   ? " printed without end and was ended"
                    : end->how == How::stopped ? " was ended, since the agent stops"
                                               : " took too long and was ended";
  return {end->took_input ? Kind::doubtful : Kind::failed, "timeout", what.program + why};
}

}  // namespace stswatch
