// The envelope of a saved look.
#include "agent/remember/saved_look.h"

#include <nlohmann/json.hpp>

namespace stswatch {

std::string to_text(const SavedLook& look) {
  using Json = nlohmann::ordered_json;
  Json mx = Json::array();
  for (const auto& [host, seen] : look.mx)
    if (seen) mx.push_back(to_json(*seen));
  Json out{{"stswatch_look", 1}, {"domain", to_json(look.domain)}};
  out["mx"] = std::move(mx);
  out["vantage"] = to_json(look.vantage);
  return out.dump(1) + "\n";
}

}  // namespace stswatch
