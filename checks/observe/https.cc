#include "checks/observe/http_response.h"

#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/observe/tls/connection.h"

namespace stswatch {
namespace {

// Header, body and as much chunking, twice: small TLS records cost as much again as what they carry.
constexpr std::size_t kBudget = 2 * (bounds::kHttpHeader + 2 * bounds::kPolicyBody);

std::string sha256_hex(std::string_view octets) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(octets.data(), octets.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

/// One GET from one address. RFC 8461 §3.3.
class Fetch {
 public:
  Fetch(const Domain& domain, const Address& address, const TrustStore& trust, const HttpsOptions& options,
        TimePoint now, const Deadline& deadline)
      : host_(domain.policy_host()),
        address_(address),
        trust_(trust),
        options_(options),
        now_(now),
        deadline_(deadline) {}

  Result<void> run(PolicyFetch& out) {
    auto connection = dial(TlsOffer::modern, out.tls);
    if (!connection) return tl::unexpected(connection.error());
    auto read = exchange(*connection, out);
    connection->close();
    return read;
  }

  void look_for_legacy(TlsFacts& facts) {
    TlsFacts second;
    if (auto connection = dial(TlsOffer::legacy, second)) {
      note_legacy(facts, std::move(second));
      connection->close();
    }
  }

 private:
  Result<Connection> dial(TlsOffer offer, TlsFacts& facts) {
    auto connection = Connection::open(address_, options_.port, deadline_, kBudget);
    if (!connection) return connection;
    if (auto up = connection->start_tls(trust_, {host_, now_, offer}, facts); !up)
      return tl::unexpected(up.error());
    return connection;
  }

  Result<void> exchange(Connection& connection, PolicyFetch& out) {
    // RFC 8461 §3.3: the certificate must be valid for the policy host; else no policy is read.
    if (!out.tls.peer || !out.tls.peer->good()) {
      if (out.tls.peer && out.tls.peer->bad_by_dates_alone()) hear_date(connection, out);
      return tl::unexpected(distrust(out.tls));
    }
    if (auto sent = connection.write(request(), Stage::request); !sent) return sent;
    HttpResponseReader reader;
    auto read = receive(connection, reader);
    record(std::move(reader.response()), read.has_value(), out);
    return read;
  }

  /// It may be our clock that is wrong: what time it is there is all that is taken from the answer.
  void hear_date(Connection& connection, PolicyFetch& out) const {
    if (!connection.write(request(), Stage::request)) return;
    HttpResponseReader reader;
    if (!receive(connection, reader)) return;
    out.age = std::move(reader.response().age);
    out.date = std::move(reader.response().date);
  }

  Failure distrust(const TlsFacts& facts) const {
    std::string why = facts.peer ? facts.peer->verify_error() : "no certificate was shown";
    if (why.empty()) why = "the certificate does not name " + host_;
    return {Stage::certificate, Cause::certificate, printable(why, bounds::kDetail)};
  }

  std::string request() const {
    // No cache on the way may answer (RFC 8461 §3.3), and no coding is asked for: one that comes is a fact.
    return "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " + host_ +
           "\r\nUser-Agent: " + options_.user_agent +
           "\r\nAccept: */*\r\nAccept-Encoding: identity\r\nCache-Control: no-cache\r\nConnection: "
           "close\r\n\r\n";
  }

  static Result<void> receive(Connection& connection, HttpResponseReader& reader) {
    std::array<char, 8192> buffer;
    for (;;) {
      const auto count = connection.read(buffer, reader.stage());
      if (!count) {
        const Cause cause = count.error().cause;
        const bool cut = cause == Cause::closed || cause == Cause::reset;
        // RFC 8446 §6.1: without close_notify anybody may have cut the body short. Its end is then a fact to
        // be judged, or with a reset no end at all.
        if (cut && reader.stage() == Stage::body) return reader.end(HttpResponseReader::End::abrupt);
        return tl::unexpected(count.error());
      }
      if (*count == 0) return reader.end(HttpResponseReader::End::orderly);
      const auto want = reader.feed({buffer.data(), *count});
      if (!want) return tl::unexpected(want.error());
      if (*want == HttpResponseReader::Want::nothing) return {};
    }
  }

  static void record(HttpResponse&& response, bool whole, PolicyFetch& out) {
    out.status = response.status;
    out.content_type = std::move(response.content_type);
    out.content_encoding = std::move(response.content_encoding);
    out.location = std::move(response.location);
    out.cache_control = std::move(response.cache_control);
    out.age = std::move(response.age);
    out.date = std::move(response.date);
    out.too_large = response.too_large;
    out.truncated = response.truncated;
    out.decoded = response.decoded;
    out.end_unproven = response.end_unproven;
    out.length_and_chunked = response.length_and_chunked;
    out.body = std::move(response.body);
    // The digest of a part that a time-out left would read like another copy of the policy.
    if (whole && response.has_body) out.sha256 = sha256_hex(out.body);
  }

  std::string host_;
  const Address& address_;
  const TrustStore& trust_;
  const HttpsOptions& options_;
  TimePoint now_;
  const Deadline& deadline_;
};

}  // namespace

PolicyFetch fetch_policy(const Domain& domain, const Address& address, const TrustStore& trust,
                         const HttpsOptions& options, TimePoint now, const Deadline& deadline) {
  PolicyFetch out;
  out.address = address;
  const PeerTime time;
  Fetch fetch(domain, address, trust, options, now, deadline);
  const auto done = fetch.run(out);
  out.duration = time.passed();
  if (done) return out;
  out.failure = done.error();
  out.waited = out.duration;
  if (may_be_legacy(*out.failure) && !deadline.passed()) fetch.look_for_legacy(out.tls);
  return out;
}

Result<int> post_nothing(const PostTarget& to, const Address& address, const TrustStore& trust, TimePoint now,
                         const Deadline& deadline) {
  auto connection = Connection::open(address, to.port, deadline, kBudget);
  if (!connection) return tl::unexpected(connection.error());
  TlsFacts facts;
  if (auto up = connection->start_tls(trust, {to.host, now, TlsOffer::modern}, facts); !up)
    return tl::unexpected(up.error());
  const std::string request = "POST " + to.target + " HTTP/1.1\r\nHost: " + to.host +
                              (to.port == 443 ? "" : ":" + std::to_string(to.port)) +
                              "\r\nUser-Agent: stswatch\r\nContent-Type: application/tlsrpt+json\r\n"
                              "Content-Length: 0\r\nConnection: close\r\n\r\n";
  if (auto sent = connection->write(request, Stage::request); !sent) return tl::unexpected(sent.error());
  HttpResponseReader reader;
  std::array<char, 8192> buffer;
  while (reader.response().status == 0) {
    const auto count = connection->read(buffer, Stage::headers);
    if (!count) return tl::unexpected(count.error());
    const auto fed = *count == 0 ? reader.end(HttpResponseReader::End::orderly).map([] { return false; })
                                 : reader.feed({buffer.data(), *count}).map([](auto) { return true; });
    if (reader.response().status != 0) break;
    if (!fed) return tl::unexpected(fed.error());
    if (!*fed) return tl::unexpected(Failure{Stage::headers, Cause::closed, "closed without an answer"});
  }
  connection->close();
  return reader.response().status;
}

}  // namespace stswatch
