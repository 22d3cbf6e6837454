#include "agent/watch/agent_name.h"

#include <unistd.h>
#include <array>
#include <random>

#include "checks/facts/result.h"

namespace stswatch {

std::string name_of_agent(const std::string& vantage) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string place = !vantage.empty() ? vantage : host[0] != '\0' ? host.data() : "agent";
  constexpr std::string_view kLetters = "bcdfghjkmnpqrstvwxz23456789";
  std::random_device random;
  std::string out = printable(place, 80) + "-";
  for (int i = 0; i < 5; ++i)
    out += kLetters[random() % kLetters.size()];
  return out;
}

}  // namespace stswatch
