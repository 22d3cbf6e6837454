// Random histories of a domain, their events at odd moments between the looks, with outages, failures and a
// resolver that keeps its cache: what senders can hold is in the world of the memory for as long as they can
// hold it, but for what no look could have seen; and nothing is there for longer than the looks allow.
#include <doctest/doctest.h>

#include <map>
#include <random>

#include "checks/judge/senders/forecast.h"
#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

constexpr Seconds kEvery = 5min, kGrain = 510s, kTtl = 3600s;
constexpr TimePoint kNever = TimePoint::max();

/// Something that is out there from one moment to another, and what looks saw of it.
struct Fact {
  std::string what;
  std::uint64_t max_age = 0;
  TimePoint from{}, to = kNever;
  TimePoint first_seen = kNever;  // by a look
  TimePoint known_absent{};       // the last look before that one which knew
  TimePoint seen_gone = kNever;   // the first look that proved it gone
  TimePoint ended = kNever;       // that look, also where the same came back later
  int proofs = 0;                 // looks that did, until it came back
};

class Story {
 public:
  Story(unsigned seed, bool cache) : random_(seed), cache_(cache) {
    t_.look.limits.grain = kGrain;
    t_.mx_set({std::string(kMx1), std::string(kMx2)});
    publish("A");
    serve(0, 86400);
    look();
  }

  void run(Seconds span) {
    const TimePoint end = now_ + span;
    TimePoint event = now_ + some(60, 7200), look_at = now_ + kEvery;
    while (now_ < end) {
      if (event < look_at) {
        now_ = event;
        happen();
        event = now_ + some(1, one_in(3) ? 900 : 14400);
      } else {
        now_ = look_at;
        if (!away_) look();
        look_at = now_ + kEvery + some(-30, 30);
      }
    }
  }

 private:
  Seconds some(int least, int most) { return Seconds{std::uniform_int_distribution<>(least, most)(random_)}; }
  bool one_in(int n) { return std::uniform_int_distribution<>(1, n)(random_) == 1; }

  // --- What happens

  void publish(const std::string& id) {
    if (!ids_.empty()) ids_.back().to = now_;
    ids_.push_back({.what = id, .from = now_, .known_absent = heard_});
  }
  void end_file() {
    if (!files_.empty() && files_.back().to == kNever) files_.back().to = now_;
  }
  void serve(int hosts, std::uint64_t max_age) {
    end_file();
    failing_ = 0;
    body_ = {hosts, max_age};
    const char* const kMx[] = {"mx1.example.com", "mx2.example.com", "mx9.example.com"};
    files_.push_back({.what = kMx[hosts], .max_age = max_age, .from = now_});
  }

  void happen() {
    switch (std::uniform_int_distribution<>(0, 9)(random_)) {
      case 0:
      case 1:
        publish("ID" + std::to_string(++number_));
        break;
      case 2:
      case 3:
      case 4: {
        const auto other = (body_.first + 1 + std::uniform_int_distribution<>(0, 1)(random_)) % 3;
        serve(other, one_in(2) ? 86400 : 7200);
        if (one_in(2)) publish("ID" + std::to_string(++number_));
        break;
      }
      case 5:
        end_file();
        failing_ = 503;
        break;
      case 6:
        if (failing_ != 0) serve(body_.first, body_.second);
        break;
      case 7:
        silent_ = !silent_;
        break;
      case 8:
        deaf_ = !deaf_;
        break;
      default:
        away_ = !away_;
    }
  }

  // --- What a look sees

  void look() {
    auto& facts = t_.look.domain;
    facts.at = now_;
    if (deaf_) {
      facts.sts = unknown<TxtAnswer>("_mta-sts.example.com");
    } else {
      if (!cache_ || now_ - cached_at_ >= kTtl) {
        cached_ = ids_.size() - 1;
        cached_at_ = now_;
      }
      t_.id(ids_[cached_].what);
      facts.sts.ttl = static_cast<std::uint32_t>((kTtl - (now_ - cached_at_)).count());
    }
    if (failing_ == 503)
      t_.look.set_fetches({fetch(kWeb, "busy", 503)});
    else
      t_.file({files_.back().what}, "enforce", std::to_string(body_.second));
    if (silent_) t_.look.set_fetches({failed_fetch(Stage::request, Cause::timeout, 1s)});
    const bool fetched = due();
    t_.see(fetched);
    note(fetched && !silent_);
    check();
  }

  bool due() const {
    if (!t_.record || !t_.record->policy_fetched || now_ - *t_.record->policy_fetched >= 54min) return true;
    if (wants_confirmation(*t_.record)) return true;
    if (!deaf_ && t_.look.domain.sts.records != t_.record->known->sts.records) return true;
    const auto& changes = t_.record->past.changes;
    return !changes.empty() && now_ - changes.back().at < 2h;
  }

  void note(bool read) {
    const std::string shown = deaf_ ? "" : ids_[cached_].what;
    if (!deaf_) heard_ = now_;
    for (auto& id : ids_) {
      if (deaf_) continue;
      if (id.what == shown)
        id.first_seen = std::min(id.first_seen, now_);
      else if (id.first_seen == kNever)
        id.known_absent = now_;
      else
        id.seen_gone = std::min(id.seen_gone, now_);
    }
    if (!read) return;
    for (auto& file : files_) {
      const bool served = file.to == kNever;
      const bool same =
          failing_ == 0 && file.what == files_.back().what && file.max_age == files_.back().max_age;
      if (served) file.first_seen = std::min(file.first_seen, now_);
      if (same) {
        file.proofs = 0;
        file.seen_gone = kNever;
      } else if (file.first_seen != kNever) {
        file.seen_gone = std::min(file.seen_gone, now_);
        file.ended = std::min(file.ended, now_);
        file.proofs += failing_ == 0 ? 3 : 1;
      }
    }
  }

  // --- What has to hold

  std::map<std::pair<std::string, std::string>, TimePoint> held() const {
    const History history{&t_.record->past, t_.hosts};
    const auto world =
        world_of(make_case(*t_.record->confirmed, t_.look.mx, t_.look.vantage, t_.look.limits, history));
    std::map<std::pair<std::string, std::string>, TimePoint> out;
    for (const Held& h : held_now(world)) {
      auto& end = out[{h.id.id, h.policy.mx.front() + ' ' + std::to_string(h.policy.max_age)}];
      end = std::max(end, h.until.value_or(kNever));
    }
    return out;
  }

  static TimePoint later(TimePoint t, Seconds span) { return t == kNever ? kNever : t + span; }

  void check() const {
    const auto held = this->held();
    std::map<std::pair<std::string, std::string>, TimePoint> allowed;
    for (const auto& id : ids_) {
      for (const auto& file : files_) {
        const std::pair key{id.what, file.what + ' ' + std::to_string(file.max_age)};
        const Seconds age{file.max_age};
        allow(id, file, age, allowed[key]);
        const TimePoint begin = std::max(id.from, file.from), end = std::min(later(id.to, kTtl), file.to);
        // Unless both are there, what counts is what could be fetched until now (RULES 4.3).
        const TimePoint until = end == kNever ? kNever : std::min(end, now_) + age;
        if (begin > end || until <= now_ || begin > now_ || unseen(id, file, end)) continue;
        const auto found = held.find(key);
        REQUIRE_MESSAGE(found != held.end(),
                        "missing: " << key.first << '/' << key.second << " at " << to_utc(now_));
        // It ends for the memory when a look has seen the end, never before.
        REQUIRE_MESSAGE(later(found->second, 1s) >= until,
                        key.first << '/' << key.second << " ends " << to_utc(found->second) << ", not "
                                  << to_utc(until) << " at " << to_utc(now_));
      }
    }
    for (const auto& [key, end] : held)
      REQUIRE_MESSAGE(end <= allowed[key],
                      key.first << '/' << key.second << " lives too long at " << to_utc(now_));
  }

  /// No look could have seen the two together, and the looks lay no further apart than the schedule has it.
  bool unseen(const Fact& id, const Fact& file, TimePoint end) const {
    if (id.first_seen > now_ || file.first_seen > now_) return true;
    if (file.first_seen > end) return true;  // an old id's last hour in a cache
    if (id.first_seen <= file.to) return false;
    const TimePoint gone = std::min(file.ended, now_);
    const bool lost = id.first_seen - id.known_absent > kGrain || gone - id.first_seen > kGrain;
    return !lost || file.ended <= id.known_absent;
  }

  /// The longest that looks let this pair be held; nothing where they show that the two never met.
  void allow(const Fact& id, const Fact& file, Seconds age, TimePoint& until) const {
    const TimePoint gone = file.proofs >= 3 ? file.seen_gone : kNever;
    const TimePoint last = std::min(later(id.seen_gone, kTtl), gone);
    const TimePoint first = std::max(std::min(id.known_absent - (cache_ ? kTtl : 0s), id.from), file.from);
    if (first <= last) until = std::max(until, later(last, age));
  }

  std::mt19937 random_;
  const bool cache_;
  Timeline t_;
  TimePoint now_ = kNow;
  std::vector<Fact> ids_, files_;
  std::pair<int, std::uint64_t> body_;
  int failing_ = 0, number_ = 0;
  bool silent_ = false, deaf_ = false, away_ = false;  // the policy host, the resolver, the agent
  std::size_t cached_ = 0;
  TimePoint cached_at_{}, heard_{};  // when the resolver was asked, and the last answer
};

}  // namespace

TEST_CASE("random histories: no live pair is missing, none outlives what looks allow") {
  for (unsigned seed = 0; seed < 16; ++seed) {
    CAPTURE(seed);
    Story(seed, seed % 2 == 1).run(36h);
  }
}

}  // namespace stswatch::facts
