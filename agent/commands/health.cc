// health: asks a running service whether its wheel turns, for container runtimes and probes that have no
// curl.
#include <cstdlib>

#include "agent/commands/commands.h"
#include "agent/version.h"
#include "alerts/sink.h"

namespace stswatch {
namespace {

/// An answer as it is shown on one line: what the agent cannot see at present is told on lines of its own.
std::string in_one_line(std::string detail) {
  constexpr std::string_view kLineEnd = "\\x0A";  // as printable() writes it
  while (detail.ends_with(kLineEnd))
    detail.resize(detail.size() - kLineEnd.size());
  for (std::size_t at = 0; (at = detail.find(kLineEnd, at)) != detail.npos;)
    detail.replace(at, kLineEnd.size(), "; ");
  return detail;
}

}  // namespace

int health(const HealthCommand& command, Streams io) {
  // The service is on this machine, or at an address that was named; a proxy would answer for itself.
  ::setenv("no_proxy", "*", 1);
  HttpRequest asked{.url = command.url, .ca_file = command.ca_file};
  asked.user_agent = std::string("stswatch/") + kVersion;
  asked.patience = Seconds{command.timeout};
  const auto answer = request(asked, {});
  if (answer.kind == SendResult::Kind::sent) {
    io.out << in_one_line(answer.detail) << "\n";
    return 0;
  }
  return complain(io, "not healthy: " + in_one_line(answer.detail) + ": see the service's log", 1);
}

}  // namespace stswatch
