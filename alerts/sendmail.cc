#include "alerts/sendmail.h"

#include <sys/wait.h>
#include <sysexits.h>

#include <string_view>

#include "alerts/show.h"
#include "checks/facts/result.h"
#include "config/program/program.h"

namespace stswatch {

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
