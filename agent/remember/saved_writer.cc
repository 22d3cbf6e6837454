// Facts and memory as JSON, and looks as hashes.
#include <openssl/evp.h>
#include <zlib.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/remember/saved_look.h"
#include "agent/remember/saved_memory_fields.h"
#include "agent/remember/saved_reader.h"
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
  static Json json(const Shared<F>& value) {
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
  static Json json(const SharedList<F>& values) {
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

/// Fields that differ from look to look while nothing has changed: what the clock says, here or there.
/// What the zone's servers said is a witness of the facts, and which of them spoke may change each time; a
/// second probe belongs to few looks.
constexpr std::array<std::string_view, 13> kOfTheMoment{
    "at",     "ttl",          "duration_ms", "waited_ms", "date",  "age",  "banner",
    "source", "signed_until", "signed_from", "second",    "tried", "times"};

/// One text in which every value is told apart from its neighbours by name, kind and length.
class FactsHasher {
 public:
  static constexpr bool kWrites = true;

  template <class F>
  void operator()(std::string_view name, const F& value) {
    if (!(value == F{})) always(name, value);
  }
  template <class F>
  void always(std::string_view name, const F& value) {
    if (std::ranges::find(kOfTheMoment, name) != kOfTheMoment.end()) return;
    add(name);
    add(value);
  }
  template <class F>
  void octets(std::string_view name, const F& value) {
    (*this)(name, value);
  }

  FactsHash hash() const {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    EVP_Digest(text_.data(), text_.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    FactsHash out;
    std::copy_n(digest.begin(), out.size(), out.begin());
    return out;
  }

 private:
  void add(std::string_view value) {
    number(value.size());
    text_ += value;
  }
  void add(const std::string& value) { add(std::string_view(value)); }
  void add(const Domain& value) { add(value.str()); }
  void add(const Address& value) { add(value.str()); }
  void add(const TimePoint& value) { number(static_cast<std::uint64_t>(value.time_since_epoch().count())); }
  void add(const Millis& value) { number(static_cast<std::uint64_t>(value.count())); }
  void add(const TxtRecord& value) { add(value.strings); }
  /// How long a time-out took in the end is of the moment too.
  void add(const Failure& value) {
    number(static_cast<std::uint64_t>(value.stage));
    number(static_cast<std::uint64_t>(value.cause));
    if (value.cause != Cause::timeout) add(value.detail);
  }
  template <class F>
  void add(const std::optional<F>& value) {
    if (value) add(*value);
  }
  template <class F>
  void add(const Shared<F>& value) {
    if (value) add(*value);
  }
  template <class F>
  void add(const std::vector<F>& values) {
    number(values.size());
    for (const auto& value : values)
      add(value);
  }
  template <class F>
  void add(const SharedList<F>& values) {
    number(values.size());
    for (const auto& value : values)
      add(value);
  }
  template <class F>
  void add(const F& value) {
    if constexpr (std::is_integral_v<F> || std::is_enum_v<F>) {
      number(static_cast<std::uint64_t>(value));
    } else {
      text_ += '{';
      saved::describe(*this, value);
      text_ += '}';
    }
  }
  void number(std::uint64_t value) { text_ += std::to_string(value) + ':'; }

  std::string text_;
};

template <class T>
FactsHash hashed(const T& look) {
  FactsHasher hasher;
  saved::describe(hasher, look);
  return hasher.hash();
}

}  // namespace

Verdict judge(const SavedLook& look, const Limits& limits) {
  return judge(look.domain, look.mx, look.vantage, limits,
               History{look.past ? &*look.past : nullptr, look.mx_pasts});
}

nlohmann::ordered_json to_json(const DomainObservation& look) { return written(look); }
nlohmann::ordered_json to_json(const MxHostObservation& look) { return written(look); }
nlohmann::ordered_json to_json(const Vantage& vantage) { return written(vantage); }

nlohmann::ordered_json to_json(const Incident& incident) { return written(incident); }
nlohmann::ordered_json state_of(const DomainMemory& record) {
  return written(saved::Lasting<const DomainMemory>{&record});
}
nlohmann::ordered_json state_of(const MxMemory& record) {
  return written(saved::Lasting<const MxMemory>{&record});
}
nlohmann::ordered_json moments_of(const DomainMemory& record, const LookTimesByRole& looks) {
  return written(saved::Moments<const DomainMemory>{&record, &looks});
}
nlohmann::ordered_json moments_of(const MxMemory& record, const LookTimesByRole& looks) {
  return written(saved::Moments<const MxMemory>{&record, &looks});
}

FactsHash hash_of(const DomainObservation& look) { return hashed(look); }
FactsHash hash_of(const MxHostObservation& look) { return hashed(look); }

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

std::string compress(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
            text.size(), Z_DEFAULT_COMPRESSION);
  out.resize(size);
  return out;
}

tl::expected<std::string, std::string> decompress(std::string_view compressed, std::size_t most) {
  const auto* in = reinterpret_cast<const Bytef*>(compressed.data());
  for (std::size_t guess = std::max<std::size_t>(compressed.size() * 4, 4096);; guess *= 4) {
    std::string out(std::min(guess, most), '\0');
    uLongf size = out.size();
    const int end = ::uncompress(reinterpret_cast<Bytef*>(out.data()), &size, in, compressed.size());
    if (end == Z_BUF_ERROR && out.size() < most) continue;
    if (end == Z_BUF_ERROR) return tl::make_unexpected("cut short, or larger than any look");
    if (end != Z_OK) return tl::make_unexpected("damaged");
    out.resize(size);
    return out;
  }
}

}  // namespace stswatch
