// What a receiver would get, for who wants to see it before it is sent. Pure.
#pragma once

#include <string>

#include "alerts/sink.h"

namespace stswatch {

struct SendmailRequest;

/// Request line, headers, an empty line, the body. Of the URL password and query are "***".
std::string as_shown(const HttpRequest& what);
/// By whom, from whom, to whom; then the message, with line ends of Unix.
std::string as_shown(const MailRequest& what);
std::string as_shown(const SendmailRequest& what);

}  // namespace stswatch
