#include "checks/observe/smtp.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/observe/legacy_dial.h"
#include "checks/observe/route.h"
#include "checks/observe/smtp_reply.h"

namespace stswatch {
namespace {

// The replies before and after the handshake, with room for TLS records around them.
constexpr std::size_t kBudget = 4 * bounds::kSmtpDialogue;

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
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

  Result<void> handshake(const TrustStore& trust, const TlsPeer& peer, TlsFacts& facts) {
    // RFC 3207 §4.2: what came in plain text behind the 220 could be anybody's.
    replies_.discard();
    connection_.discard_plaintext();
    auto up = connection_.start_tls(trust, peer, facts);
    replies_ = SmtpReplyReader{};
    return up;
  }

  /// Over TLS the client starts afresh (RFC 3207 §4.2); then it takes its leave. Nothing of it is a fact.
  void greet_and_leave() {
    connection_.hurry(farewell_);
    if (command("EHLO " + ehlo_, Stage::ehlo)) leave();
  }

  /// RFC 5321 §4.1.1.10: QUIT, and its reply awaited, before the connection is closed.
  void leave() {
    connection_.hurry(farewell_);
    (void)command("QUIT", Stage::ehlo);
    connection_.close();
  }

  void close() { connection_.close(); }

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
    return tl::unexpected(
        Failure{Stage::starttls, Cause::not_offered, "STARTTLS is not among the EHLO keywords"});
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
    return tl::unexpected(Failure{Stage::starttls, Cause::not_offered, "speaks HELO only"});
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
        TimePoint now, const Deadline& deadline)
      : host_(host), address_(address), trust_(trust), options_(options), now_(now), deadline_(deadline) {}

  void run(SmtpProbe& out) {
    const auto start = std::chrono::steady_clock::now();
    auto session = dial();
    auto done = session ? session->reach_tls(out) : tl::unexpected(session.error());
    const bool in_plain = !done.has_value();
    if (done) done = session->handshake(trust_, {host_, now_, TlsOffer::modern}, out.tls);
    out.duration = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - start);
    if (!done) out.failure = done.error();

    if (!session) return;
    if (!done && in_plain && still_talking(done.error())) return session->leave();
    // RFC 8461 §4.2: to a peer that is not who it should be, nothing is said.
    if (done && out.tls.peer && out.tls.peer->good()) return session->greet_and_leave();
    session->close();
    if (!done && may_be_legacy(done.error()) && !deadline_.passed()) look_for_legacy(out.tls);
  }

 private:
  Result<Session> dial() {
    auto connection = Connection::open(address_, options_.port, deadline_, kBudget);
    if (!connection) return tl::unexpected(connection.error());
    return Session(std::move(*connection), ehlo_name(options_.helo, machine_name(), source_address(address_)),
                   options_.farewell);
  }

  void look_for_legacy(TlsFacts& facts) {
    auto session = dial();
    if (!session) return;
    SmtpProbe unused;
    if (auto reached = session->reach_tls(unused); !reached) {
      if (still_talking(reached.error())) session->leave();
      return;
    }
    TlsFacts second;
    if (session->handshake(trust_, {host_, now_, TlsOffer::legacy}, second))
      note_legacy(facts, std::move(second));
    session->close();
  }

  const std::string& host_;
  const Address& address_;
  const TrustStore& trust_;
  const SmtpOptions& options_;
  TimePoint now_;
  const Deadline& deadline_;
};

}  // namespace

SmtpProbe probe_smtp(const std::string& host, const Address& address, const TrustStore& trust,
                     const SmtpOptions& options, TimePoint now, const Deadline& deadline) {
  SmtpProbe out;
  out.address = address;
  Probe(host, address, trust, options, now, deadline).run(out);
  return out;
}

Result<void> hear_greeting(const Address& address, const SmtpOptions& options, const Deadline& deadline) {
  auto connection = Connection::open(address, options.port, deadline, kBudget);
  if (!connection) return tl::unexpected(connection.error());
  Session session(std::move(*connection), {}, options.farewell);
  SmtpProbe heard;
  auto done = session.greeting(heard);
  if (!done && !still_talking(done.error())) return done;
  session.leave();
  return {};
}

}  // namespace stswatch
