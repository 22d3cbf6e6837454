// What an agent of a fleet is called: the place it looks from, or else its host, and some letters that no
// other run has, so that replicas of one image need no names.
#pragma once

#include <string>

namespace stswatch {

std::string name_of_agent(const std::string& vantage);

}  // namespace stswatch
