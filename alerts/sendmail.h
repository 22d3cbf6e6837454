// Mail handed to a program of this machine, as Unix programs have always done: no smarthost, no password. The
// program is run directly, without a shell, and told when it takes too long.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"

namespace stswatch {

struct SendmailRequest {
  std::string program;  // absolute path
  std::string from;     // addr-spec
  std::vector<std::string> to;
  std::string message;  // with CRLF line ends
  std::chrono::milliseconds patience{60'000};
  std::function<void(const std::string& what)> show{};  // gets it instead of the program
};

/// A message as programs of this machine take it.
std::string with_unix_lines(std::string_view message);

/// Sent when the program ends with 0; 75 (EX_TEMPFAIL of sysexits.h) is tried again soon.
SendResult hand_to_sendmail(const SendmailRequest& what, const std::stop_token& stop);

}  // namespace stswatch
