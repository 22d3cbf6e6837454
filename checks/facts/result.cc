#include "checks/facts/result.h"

#include <cerrno>

namespace stswatch {

std::string TxtRecord::joined() const {
  std::string out;
  for (const std::string& s : strings) {
    out += s;
  }
  return out;
}

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::dns:
      return "dns";
    case Stage::connect:
      return "connect";
    case Stage::greeting:
      return "greeting";
    case Stage::ehlo:
      return "ehlo";
    case Stage::starttls:
      return "starttls";
    case Stage::handshake:
      return "handshake";
    case Stage::certificate:
      return "certificate";
    case Stage::request:
      return "request";
    case Stage::headers:
      return "headers";
    case Stage::body:
      return "body";
  }
  return "unknown";
}

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::timeout:
      return "timeout";
    case Cause::refused:
      return "refused";
    case Cause::reset:
      return "reset";
    case Cause::closed:
      return "closed";
    case Cause::no_route:
      return "no_route";
    case Cause::local:
      return "local";
    case Cause::exhausted:
      return "exhausted";
    case Cause::not_public:
      return "not_public";
    case Cause::tls_alert:
      return "tls_alert";
    case Cause::tls_protocol:
      return "tls_protocol";
    case Cause::malformed:
      return "malformed";
    case Cause::over_budget:
      return "over_budget";
    case Cause::deferred:
      return "deferred";
    case Cause::rejected:
      return "rejected";
    case Cause::not_offered:
      return "not_offered";
    case Cause::certificate:
      return "certificate";
    case Cause::cancelled:
      return "cancelled";
  }
  return "unknown";
}

Cause cause_of_errno(int error) {
  switch (error) {
    case ECONNREFUSED:
      return Cause::refused;
    case EPIPE:
      return Cause::closed;  // Linux: a reset after the peer's orderly end
    case ECONNRESET:
    case ECONNABORTED:
      return Cause::reset;
    case ETIMEDOUT:
      return Cause::timeout;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EAFNOSUPPORT:  // a kernel without IPv6
    case EADDRNOTAVAIL:
      return Cause::no_route;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRINUSE:  // every local port towards this peer is taken
    case EAGAIN:      // connect(2): "insufficient entries in the routing cache", socket buffers included
      return Cause::exhausted;
    default:
      return Cause::local;
  }
}

bool is_our_own(Cause cause) {
  return cause == Cause::no_route || cause == Cause::local || cause == Cause::exhausted ||
         cause == Cause::not_public || cause == Cause::cancelled;
}

namespace {

void append_printable(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(c);
  if (value >= 0x20 && value < 0x7F) {
    out += c;
    return;
  }
  out += "\\x";
  out += kHex[value >> 4U];
  out += kHex[value & 15U];
}

}  // namespace

std::string printable(std::string_view raw, std::size_t max) {
  constexpr std::string_view kCut = "...";
  std::string out;
  std::size_t fits = 0;  // the longest prefix of whole characters that leaves room for the dots
  for (const char c : raw) {
    append_printable(out, c);
    if (out.size() + kCut.size() <= max) fits = out.size();
    if (out.size() > max) {
      out.resize(fits);
      return max < kCut.size() ? out : out.append(kCut);
    }
  }
  return out;
}

}  // namespace stswatch
