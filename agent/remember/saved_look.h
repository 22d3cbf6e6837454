// Facts, and what is remembered, as JSON that a person can read and a program can judge again: in the words
// of the facts, times as to_utc() writes them, what is default left out. One list of fields for each noun
// (saved_fields.h) serves files, tables and the hash of a look. Pure; nothing in the text is trusted when it
// is read.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "agent/remember/memory.h"
#include "checks/judge/senders/plan.h"

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

/// A text that is JSON throughout: facts can be read of it.
class SavedJson {
 public:
  struct Document;
  explicit SavedJson(std::unique_ptr<const Document> document);
  SavedJson(SavedJson&&) noexcept;
  SavedJson& operator=(SavedJson&&) noexcept;
  ~SavedJson();
  const Document& operator*() const { return *document_; }

 private:
  std::unique_ptr<const Document> document_;
};

nlohmann::ordered_json to_json(const DomainObservation& look);
nlohmann::ordered_json to_json(const MxHostObservation& look);
nlohmann::ordered_json to_json(const Vantage& vantage);

/// From text, for those below: JSON of at most kSavedText octets and kSavedDepth levels.
Read<SavedJson> parse_saved(std::string_view text);
inline constexpr std::size_t kSavedText = 16U << 20U;  // 50 MX hosts with 16 chains each stay below
inline constexpr std::size_t kSavedDepth = 32;         // the facts nest 7 deep

/// These pass over keys that they do not know, so that a store outlives the program that wrote it.
Read<DomainObservation> read_domain_look(const SavedJson& json);
Read<MxHostObservation> read_mx_look(const SavedJson& json);
Read<Vantage> read_vantage(const SavedJson& json);

/// One file: {"stswatch_look": 1, "domain": {...}, "mx": [...], "vantage": {...}, "past": {...},
/// "mx_pasts": {HOST: {...}}}. Reading it refuses keys
/// that it does not know: such files are also written by hand.
std::string to_text(const SavedLook& look);
Read<SavedLook> read_saved_look(std::string_view text);

// What the store keeps of a record beside its looks and the lists of its past, which have tables of their
// own.

nlohmann::ordered_json to_json(const Incident& incident);
Read<Incident> read_incident(const SavedJson& json);

/// What lasts from look to look ...
nlohmann::ordered_json state_of(const DomainMemory& record);
nlohmann::ordered_json state_of(const MxMemory& record);
/// ... and what moves with each: times, by role those of the looks that are kept, figures of fetches.
using LookTimesByRole = std::map<std::string, TimePoint>;
nlohmann::ordered_json moments_of(const DomainMemory& record, const LookTimesByRole& looks);
nlohmann::ordered_json moments_of(const MxMemory& record, const LookTimesByRole& looks);

/// Lays a state or moments over the record; the error is a place and what would be right there. A state of
/// an older store holds both.
tl::expected<void, std::string> read_state(const SavedJson& json, DomainMemory& record);
tl::expected<void, std::string> read_state(const SavedJson& json, MxMemory& record);
tl::expected<void, std::string> read_moments(const SavedJson& json, DomainMemory& record,
                                             LookTimesByRole& looks);
tl::expected<void, std::string> read_moments(const SavedJson& json, MxMemory& record, LookTimesByRole& looks);

/// Of moments those times alone, which can be read without the record.
tl::expected<void, std::string> read_look_times(const SavedJson& moments, LookTimesByRole& looks);

/// Texts made small for the store: zlib (RFC 1950).
std::string compress(std::string_view text);
/// What is no compressed text, or would be larger than `most`, is an error.
tl::expected<std::string, std::string> decompress(std::string_view compressed, std::size_t most);

/// What a look saw as a hash: two looks have the same when they saw the same, whatever the clock, the time to
/// live and the duration said.
using FactsHash = std::array<std::uint8_t, 16>;
FactsHash hash_of(const DomainObservation& look);
FactsHash hash_of(const MxHostObservation& look);

// A plan that is followed, as JSON: two rows of the store, and what API and commands show. What was asked for
// is written by the command and how far it has come by the service, each in a row of its own, so that neither
// overwrites the other.

inline constexpr const char* kPlanTable = "plan";               // by domain
inline constexpr const char* kPlanProgressTable = "plan-done";  // likewise

std::string plan_row(const FollowedPlan& plan);
std::string progress_row(const FollowedPlan& plan);

/// Null where the row is not understood. Progress of another plan than this is none.
std::optional<FollowedPlan> plan_from_rows(const std::string& plan, const std::string* progress);

/// CONTRACT 8, plan.
nlohmann::ordered_json to_json(const Plan& plan);
/// The same, with what is known of each step: "done" (seen at that time, or null) and "safe_from" (null once
/// done).
nlohmann::ordered_json to_json(const FollowedPlan& plan, TimePoint now);

}  // namespace stswatch
