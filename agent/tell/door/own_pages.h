// What may change something: a request of the service's own pages or of a program, under a name that is the
// service's own. A page of another site shows itself by Origin or Sec-Fetch-Site; one that has turned its own
// name to this address (DNS rebinding) by its Host. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/tell/door/request_head.h"
#include "checks/facts/address.h"

namespace stswatch::door {

struct OwnNames {
  std::string external_url;
  std::vector<std::string> hosts;  // "name", "name:port", addresses
  std::function<bool(const Address&)> is_ours = [](const Address&) { return false; };  // of this machine
};

/// Why a POST is not done; nullopt where it may be. GET and HEAD change nothing and are free.
std::optional<std::string> foreign(const RequestHead& head, const OwnNames& own);

}  // namespace stswatch::door
