#include "checks/observe/smtp.h"

#include <unistd.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/observe/net/tcp.h"
#include "checks/observe/tls/connection.h"

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

std::vector<std::string> SmtpReply::keywords() const {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < lines.size(); ++i)
    out.push_back(lines[i].substr(0, lines[i].find_first_of(" =")));
  return out;
}

std::string without_starttls(const SmtpReply& ehlo) {
  const auto masked = [](const std::string& word) {
    return word.size() >= 4 && word.find_first_not_of('X') >= word.size() - 1;
  };
  std::string known;
  for (const auto& word : ehlo.keywords()) {
    if (masked(word))
      return printable("the EHLO reply has " + word + " and no STARTTLS: something on the way masks it",
                       bounds::kDetail);
    text::add(known, ", ", word);
  }
  return printable(
      "STARTTLS is not among the EHLO keywords (" + (known.empty() ? "there are none" : known) + ")",
      bounds::kDetail);
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

std::size_t SmtpReplyReader::discard() {
  const std::size_t dropped = pending_.size();
  consumed_ += dropped;
  pending_.clear();
  scanned_ = 0;
  partial_ = SmtpReply{};
  return dropped;
}

std::string ehlo_name(std::string_view configured, std::string_view machine,
                      const std::optional<Address>& ours) {
  if (is_safe(configured)) return std::string(configured);
  if (is_full_name(machine)) return std::string(machine);
  if (!ours) return "[127.0.0.1]";  // no route, hence no peer to read it
  return ours->is_v6() ? "[IPv6:" + ours->str() + "]" : "[" + ours->str() + "]";  // RFC 5321 §4.1.3
}

namespace {

// The replies before and after the handshake, with room for TLS records around them.
constexpr std::size_t kDialogueBudget = 4 * bounds::kSmtpDialogue;

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::optional<Address> our_address(const Address& peer) {
  const auto ours = source_address(peer);
  return ours ? std::optional(*ours) : std::nullopt;
}

/// One connection's dialogue, command by command.
class Session {
 public:
  Session(Connection connection, std::string ehlo, Millis farewell)
      : connection_(std::move(connection)), ehlo_(std::move(ehlo)), farewell_(farewell) {}

  Result<void> greeting(SmtpProbe& out) {
    const auto greeting = reply(Stage::greeting);
    if (!greeting) return tl::unexpected(greeting.error());
    out.banner = printable(greeting->str(), bounds::kDetail);
    out.reply_code = greeting->code;
    if (greeting->code != 220) return tl::unexpected(refusal(Stage::greeting, *greeting));
    return {};
  }

  /// Up to and with the reply to STARTTLS. Facts go to `out` as they come.
  Result<void> reach_tls(SmtpProbe& out) {
    if (auto done = greeting(out); !done) return done;
    if (auto done = hello(out); !done) return done;
    return starttls(out);
  }

  Result<void> handshake(const TrustStore& trust, const TlsPeer& peer, SmtpProbe& out) {
    // RFC 3207 §4.2: what came in plain text behind the 220 could be anybody's.
    out.injected = static_cast<int>(replies_.discard() + connection_.discard_plaintext());
    auto up = connection_.start_tls(trust, peer, out.tls);
    replies_ = SmtpReplyReader{};
    return up;
  }

  /// Over TLS the client starts afresh (RFC 3207 §4.2); then it takes its leave. Nothing of it is a fact.
  Result<void> greet_and_leave() {
    connection_.hurry(farewell_);
    const auto greeted = command("EHLO " + ehlo_, Stage::ehlo);
    if (!greeted) return tl::unexpected(greeted.error());
    leave();
    return {};
  }

  /// RFC 5321 §4.1.1.10: QUIT, and its reply awaited, before the connection is closed.
  void leave() {
    connection_.hurry(farewell_);
    (void)command("QUIT", Stage::ehlo);
    connection_.close();
  }

  void close() { connection_.close(); }
  void hurry(Millis span) { connection_.hurry(span); }

 private:
  Result<SmtpReply> reply(Stage stage) {
    std::array<char, 4096> buffer;
    for (;;) {
      auto next = replies_.next(stage);
      if (!next) return tl::unexpected(next.error());
      if (*next) return std::move(**next);
      const auto count = connection_.read(buffer, stage);
      if (!count) return tl::unexpected(count.error());
      if (*count == 0) return tl::unexpected(Failure{stage, Cause::closed, "closed without a reply"});
      replies_.feed({buffer.data(), *count});
    }
  }

  Result<SmtpReply> command(const std::string& line, Stage stage) {
    if (auto sent = connection_.write(line + "\r\n", stage); !sent) return tl::unexpected(sent.error());
    return reply(stage);
  }

  Result<void> hello(SmtpProbe& out) {
    const auto ehlo = command("EHLO " + ehlo_, Stage::ehlo);
    if (!ehlo) return tl::unexpected(ehlo.error());
    out.reply_code = ehlo->code;
    if (ehlo->code / 100 == 5) return helo(*ehlo, out);
    if (ehlo->code != 250) return tl::unexpected(refusal(Stage::ehlo, *ehlo));
    out.starttls_offered = ehlo->offers("STARTTLS");
    if (out.starttls_offered) return {};
    return tl::unexpected(Failure{Stage::starttls, Cause::not_offered, without_starttls(*ehlo)});
  }

  /// RFC 5321 §3.2: a server that refuses EHLO may still know HELO, and has no extensions then.
  Result<void> helo(const SmtpReply& refused, SmtpProbe& out) {
    const auto helo = command("HELO " + ehlo_, Stage::ehlo);
    // Closed, reset or silent now: the refusal of EHLO remains what is known.
    if (!helo) {
      if (helo.error().cause == Cause::cancelled) return tl::unexpected(helo.error());
      return tl::unexpected(refusal(Stage::ehlo, refused));
    }
    out.reply_code = helo->code;
    if (helo->code != 250) return tl::unexpected(refusal(Stage::ehlo, *helo));
    out.helo_only = true;
    return tl::unexpected(
        Failure{Stage::starttls, Cause::not_offered, printable(refused.str(), bounds::kDetail)});
  }

  Result<void> starttls(SmtpProbe& out) {
    const auto ready = command("STARTTLS", Stage::starttls);
    if (!ready) return tl::unexpected(ready.error());
    out.reply_code = ready->code;
    if (ready->code != 220) return tl::unexpected(refusal(Stage::starttls, *ready));
    return {};
  }

  Connection connection_;
  SmtpReplyReader replies_;
  std::string ehlo_;
  Millis farewell_;
};

/// The server spoke SMTP to the end of this dialogue: it is still there to hear QUIT.
bool still_talking(const Failure& failure) {
  return failure.cause == Cause::deferred || failure.cause == Cause::rejected ||
         failure.cause == Cause::not_offered;
}

class Probe {
 public:
  Probe(const std::string& host, const Address& address, const TrustStore& trust, const SmtpOptions& options,
        TimePoint now, const Deadline& deadline, const std::vector<TlsaRecord>& tlsa)
      : host_(host),
        address_(address),
        trust_(trust),
        options_(options),
        now_(now),
        deadline_(deadline),
        tlsa_(tlsa) {}

  void run(SmtpProbe& out) {
    const PeerTime time;
    auto session = dial();
    auto done = session ? session->reach_tls(out) : tl::unexpected(session.error());
    const bool in_plain = !done.has_value();
    if (done) {
      done = session->handshake(trust_, {.host = host_, .now = now_, .tlsa = tlsa_}, out);
    }
    out.duration = time.passed();
    if (!done) out.failure = done.error();

    if (!session) return;
    if (!done && in_plain && still_talking(done.error())) return session->leave();
    // RFC 8461 §4.2: to a peer that is not who it should be, nothing is said.
    if (done && out.tls.peer && out.tls.peer->good()) return greet_and_leave(*session, out);
    session->close();
    if (!done && may_be_legacy(done.error()) && !deadline_.passed()) look_for_legacy(out.tls);
  }

  void run(SmtpProbe& out, const SmtpWay& way) {
    auto session = dial(way.other_name);
    auto done = session ? session->reach_tls(out) : tl::unexpected(session.error());
    if (done) {
      session->hurry(way.patience);
      done = session->handshake(
          trust_, {.host = host_, .now = now_, .offer = way.offer, .tlsa = {}, .sni = way.sni}, out);
    }
    if (!done) out.failure = done.error();
    if (!session) return;
    if (!done && still_talking(done.error())) return session->leave();
    session->close();
  }

 private:
  Result<Session> dial(bool other_name = false) {
    auto name = ehlo_name(options_.helo, machine_name(), our_address(address_));
    if (other_name) {
      const auto other = other_ehlo_name(address_);
      if (other == name) return tl::unexpected(Failure{Stage::connect, Cause::local, "no other EHLO name"});
      name = other;
    }
    auto connection = Connection::open(address_, options_.port, deadline_, kDialogueBudget);
    if (!connection) return tl::unexpected(connection.error());
    return Session(std::move(*connection), std::move(name), options_.farewell);
  }

  /// TLS 1.3 servers check the client's certificate after our side of the handshake has ended (RFC 8446
  /// §4.4.2.4): one that insists says so now.
  static void greet_and_leave(Session& session, SmtpProbe& out) {
    const auto greeted = session.greet_and_leave();
    if (greeted || !out.tls.asks_certificate || greeted.error().cause != Cause::tls_alert) return;
    out.tls.alert = greeted.error().detail;
    out.failure = Failure{Stage::handshake, Cause::tls_alert, greeted.error().detail};
  }

  void look_for_legacy(TlsFacts& facts) {
    auto session = dial();
    if (!session) return;
    SmtpProbe unused;
    if (auto reached = session->reach_tls(unused); !reached) {
      if (still_talking(reached.error())) session->leave();
      return;
    }
    if (session->handshake(trust_, {.host = host_, .now = now_, .offer = TlsOffer::legacy, .tlsa = tlsa_},
                           unused))
      note_legacy(facts, std::move(unused.tls));
    session->close();
  }

  const std::string& host_;
  const Address& address_;
  const TrustStore& trust_;
  const SmtpOptions& options_;
  TimePoint now_;
  const Deadline& deadline_;
  const std::vector<TlsaRecord>& tlsa_;
};

}  // namespace

SmtpProbe probe_smtp(const std::string& host, const Address& address, const TrustStore& trust,
                     const SmtpOptions& options, TimePoint now, const Deadline& deadline,
                     const std::vector<TlsaRecord>& tlsa) {
  SmtpProbe out;
  out.address = address;
  Probe(host, address, trust, options, now, deadline, tlsa).run(out);
  return out;
}

SmtpProbe try_smtp(const std::string& host, const Address& address, const TrustStore& trust,
                   const SmtpOptions& options, TimePoint now, const Deadline& deadline, const SmtpWay& way) {
  SmtpProbe out;
  out.address = address;
  Probe(host, address, trust, options, now, deadline, {}).run(out, way);
  return out;
}

std::string other_ehlo_name(const Address& peer) { return ehlo_name({}, {}, our_address(peer)); }

Result<void> hear_greeting(const Address& address, const SmtpOptions& options, const Deadline& deadline) {
  auto connection = Connection::open(address, options.port, deadline, kDialogueBudget);
  if (!connection) return tl::unexpected(connection.error());
  Session session(std::move(*connection), {}, options.farewell);
  SmtpProbe heard;
  auto done = session.greeting(heard);
  if (!done && !still_talking(done.error())) return done;
  session.leave();
  return {};
}

}  // namespace stswatch
