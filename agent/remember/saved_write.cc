// Facts and memory as JSON.
#include <nlohmann/json.hpp>

#include "agent/remember/saved_fields.h"
#include "agent/remember/saved_look.h"
#include "agent/remember/saved_memory.h"
#include "agent/remember/saved_memory_fields.h"
#include "agent/remember/saved_words.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

/// JSON strings are UTF-8; octets that are not, and escapes that nobody could read, go as base64.
Json octets(const std::string& value) {
  if (text::is_utf8(value)) return value;
  return {{"b64", to_base64(value)}};
}

class Writer {
 public:
  static constexpr bool kWrites = true;

  template <class F>
  void operator()(const char* name, const F& value) {
    if (!(value == F{})) out_[name] = json(value);
  }
  template <class F>
  void always(const char* name, const F& value) {
    out_[name] = json(value);
  }
  template <class F>
  void octets(const char* name, const F& value) {
    (*this)(name, value);
  }
  Json take() { return std::move(out_); }

  template <class F>
  static Json json(const F& value) {
    if constexpr (requires { saved::Words<F>::kAll; }) {
      for (const auto& [known, word] : saved::Words<F>::kAll)
        if (known == value) return word;
      return nullptr;
    } else if constexpr (std::is_arithmetic_v<F>) {
      return value;
    } else {
      Writer inner;
      saved::describe(inner, value);
      return inner.take();
    }
  }
  static Json json(const std::string& value) { return stswatch::octets(value); }
  static Json json(const Domain& value) { return value.str(); }
  static Json json(const Address& value) { return value.str(); }
  static Json json(const TimePoint& value) { return to_utc(value); }
  static Json json(const Millis& value) { return value.count(); }
  static Json json(const TxtRecord& value) { return json(value.strings); }
  static Json json(const std::pair<std::string, std::string>& value) {
    return Json::array({json(value.first), json(value.second)});
  }
  template <class F>
  static Json json(const std::optional<F>& value) {
    return value ? json(*value) : Json(nullptr);
  }
  template <class F>
  static Json list(const F& values) {
    Json out = Json::array();
    for (const auto& value : values)
      out.push_back(json(value));
    return out;
  }
  template <class F>
  static Json json(const std::vector<F>& values) {
    return list(values);
  }
  template <class F>
  static Json json(const std::deque<F>& values) {
    return list(values);
  }
  template <class F>
  static Json json(const std::map<std::string, F>& values) {
    Json out = Json::object();
    for (const auto& [key, value] : values)
      out[key] = json(value);
    return out;
  }
  template <class F>
  static Json json(const std::map<Part, F>& values) {
    Json out = Json::object();
    for (const auto& [part, value] : values)
      out[std::string(to_string(part))] = json(value);
    return out;
  }

 private:
  Json out_ = Json::object();
};

template <class T>
Json written(const T& facts) {
  Writer writer;
  saved::describe(writer, facts);
  return writer.take();
}

}  // namespace

nlohmann::ordered_json to_json(const DomainObservation& look) { return written(look); }
nlohmann::ordered_json to_json(const MxHostObservation& look) { return written(look); }
nlohmann::ordered_json to_json(const Vantage& vantage) { return written(vantage); }

nlohmann::ordered_json to_json(const Incident& incident) { return written(incident); }
nlohmann::ordered_json state_of(const DomainMemory& record) { return written(record); }
nlohmann::ordered_json state_of(const MxMemory& record) { return written(record); }

namespace saved {

std::string column(const std::vector<std::string>& values) { return Writer::json(values).dump(); }
std::string column(const std::vector<TimePoint>& values) { return Writer::json(values).dump(); }
std::string column(const std::vector<std::pair<std::string, std::string>>& values) {
  return Writer::json(values).dump();
}

}  // namespace saved
std::string to_text(const SavedLook& look) {
  Json mx = Json::array();
  for (const auto& [host, seen] : look.mx)
    if (seen) mx.push_back(to_json(*seen));
  Json out{{"stswatch_look", 1}, {"domain", to_json(look.domain)}};
  out["mx"] = std::move(mx);
  out["vantage"] = to_json(look.vantage);
  if (look.past) out["past"] = written(saved::WholePast{*look.past});
  for (const auto& [host, past] : look.mx_pasts)
    if (past) out["mx_pasts"][host] = written(*past);
  return out.dump(1) + "\n";
}

}  // namespace stswatch
