#include <nlohmann/json.hpp>

#include "agent/remember/saved_memory.h"
#include "agent/remember/saved_memory_fields.h"
#include "agent/remember/saved_reader.h"

namespace stswatch {
namespace {

template <class T>
tl::expected<void, std::string> read_into(const nlohmann::json& json, T& value, std::string_view what) {
  saved::Fault fault;
  saved::Reader::get_object(json, value, saved::Place{nullptr, what}, fault);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return {};
}

template <class T>
void read_array(std::string_view text, T& values, const saved::Place& place, saved::Fault& fault) {
  const auto json = parse_saved(text);
  if (!json) return fault.say(place, json.error());
  const nlohmann::json object{{"list", *json}};
  saved::Reader(object, place, fault).always("list", values);
}

}  // namespace

namespace saved {

/// As octets: what a policy said is compared with what it says now.
void read_column(std::string_view text, std::vector<std::string>& values, const Place& place, Fault& fault) {
  TxtRecord list;
  read_array(text, list, place, fault);
  values = std::move(list.strings);
}
void read_column(std::string_view text, std::vector<TimePoint>& values, const Place& place, Fault& fault) {
  read_array(text, values, place, fault);
}
void read_column(std::string_view text, std::vector<std::pair<std::string, std::string>>& values,
                 const Place& place, Fault& fault) {
  read_array(text, values, place, fault);
}

}  // namespace saved

Read<Incident> read_incident(const nlohmann::json& json) {
  Incident incident;
  const auto read = read_into(json, incident, "incident");
  if (!read) return tl::make_unexpected(read.error());
  return incident;
}

tl::expected<void, std::string> read_state(const nlohmann::json& json, DomainMemory& record) {
  return read_into(json, record, "state");
}

tl::expected<void, std::string> read_state(const nlohmann::json& json, MxMemory& record) {
  return read_into(json, record, "state");
}

}  // namespace stswatch
