// The facts of a look as JSON that a person can read and a program can judge again: in the words of the
// facts, times as to_utc() writes them, what is default left out. Pure; nothing in the text is trusted when
// it is read.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "checks/judge/verdict.h"

namespace stswatch {

/// Everything that judge() needs of one look at a domain.
struct SavedLook {
  explicit SavedLook(DomainObservation d) : domain(std::move(d)) {}
  DomainObservation domain;
  MxLooks mx;
  Vantage vantage;
  std::optional<Past> past;  // what was remembered then; empty: the look is judged by itself
  std::map<std::string, std::shared_ptr<const HostPast>> mx_pasts;
};

Verdict judge(const SavedLook& look, const Limits& limits);

/// A value, or the place that is at fault and what would be right there:
/// "fetches[0].tls.peer.leaf.not_after: \"yesterday\" is no time: write 2026-12-01T00:00:00Z".
template <class T>
using Read = tl::expected<T, std::string>;

nlohmann::ordered_json to_json(const DomainObservation& look);
nlohmann::ordered_json to_json(const MxHostObservation& look);
nlohmann::ordered_json to_json(const Vantage& vantage);

/// These pass over keys that they do not know, so that a store outlives the program that wrote it.
Read<DomainObservation> read_domain_look(const nlohmann::json& json);
Read<MxHostObservation> read_mx_look(const nlohmann::json& json);
Read<Vantage> read_vantage(const nlohmann::json& json);

/// From text, for those: JSON of at most kSavedText octets and kSavedDepth levels.
Read<nlohmann::json> parse_saved(std::string_view text);
inline constexpr std::size_t kSavedText = 16U << 20U;  // 50 MX hosts with 16 chains each stay below
inline constexpr std::size_t kSavedDepth = 32;         // the facts nest 7 deep

/// One file: {"stswatch_look": 1, "domain": {...}, "mx": [...], "vantage": {...}, "past": {...},
/// "mx_pasts": {HOST: {...}}}. Reading it refuses keys
/// that it does not know: such files are also written by hand.
std::string to_text(const SavedLook& look);
Read<SavedLook> read_saved_look(std::string_view text);

}  // namespace stswatch
