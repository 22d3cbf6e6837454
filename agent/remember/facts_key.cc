#include "agent/remember/facts_key.h"

#include <openssl/evp.h>
#include <algorithm>

#include "agent/remember/saved_fields.h"

namespace stswatch {
namespace {

/// Fields that differ from look to look while nothing has changed: what the clock says, here or there.
/// What the zone's servers said is a witness of the facts, and which of them spoke may change each time.
constexpr std::array<std::string_view, 9> kOfTheMoment{"at",  "ttl",    "duration_ms", "waited_ms",   "date",
                                                       "age", "banner", "source",      "signed_until"};

/// One text in which every value is told apart from its neighbours by name, kind and length.
class Boiler {
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

  FactsKey key() const {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    EVP_Digest(text_.data(), text_.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    FactsKey out;
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
  template <class F>
  void add(const std::optional<F>& value) {
    if (value) add(*value);
  }
  template <class F>
  void add(const std::vector<F>& values) {
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
FactsKey boiled(const T& look) {
  Boiler boiler;
  saved::describe(boiler, look);
  return boiler.key();
}

}  // namespace

FactsKey key_of(const DomainObservation& look) { return boiled(look); }
FactsKey key_of(const MxHostObservation& look) { return boiled(look); }

}  // namespace stswatch
