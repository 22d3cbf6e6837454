// The address of something that is asked by http or https, as somebody configured it: whether any request to
// it can be made. Pure.
#pragma once

#include <string>
#include <string_view>

namespace stswatch {

/// What is wrong with it and what would be right, to follow its name: "is no URL; it starts with ...". ""
/// when nothing is. Nothing of it is repeated: the whole of it may be a secret, or all of it a password.
std::string url_fault(std::string_view url);

/// As it is written there, without user, port and brackets; "" of what has none.
std::string_view host_of_url(std::string_view url);

}  // namespace stswatch
