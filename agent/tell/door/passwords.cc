#include "agent/tell/door/passwords.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "agent/tell/door/request_reader.h"
#include "checks/facts/text.h"

namespace stswatch::door {
namespace {

constexpr std::size_t kTold = 72;  // octets of a password that bcrypt looks at

void remember(std::map<std::string, Passwords::Clock::time_point>& memory, const std::string& digest,
              Passwords::Clock::time_point now, Passwords::Clock::duration how_long) {
  if (memory.size() >= Passwords::kRemembered)
    std::erase_if(memory, [&](const auto& entry) { return entry.second <= now; });
  if (memory.size() >= Passwords::kRemembered)
    memory.erase(std::ranges::min_element(memory, {}, [](const auto& entry) { return entry.second; }));
  memory[digest] = now + how_long;
}

}  // namespace

Address neighbourhood(const Address& address) {
  if (!address.is_v6()) return address;
  auto octets = address.octets();
  std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
  return Address::v6(octets);
}

bool Passwords::bcrypt_matches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();
  const char* got = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool same = got != nullptr && hash.size() == std::char_traits<char>::length(got) &&
                    CRYPTO_memcmp(got, hash.data(), hash.size()) == 0;
  OPENSSL_cleanse(data.get(), sizeof *data);
  return same;
}

Passwords::Passwords(Matches matches) : matches_(std::move(matches)), key_(32, '\0') {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key_.data()), static_cast<int>(key_.size())) != 1)
    key_.clear();  // then nothing is remembered
}

std::string Passwords::digest(std::string_view a, std::string_view b, std::string_view c) const {
  std::string all;
  for (const auto part : {a, b, c})
    all += std::to_string(part.size()) + ":" + std::string(part);
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  if (key_.empty() ||
      HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(all.data()), all.size(), out.data(), &size) == nullptr)
    size = 0;
  OPENSSL_cleanse(all.data(), all.size());
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::optional<Passwords::Claim> Passwords::claim_of(const Users& users,
                                                    std::string_view authorization) const {
  constexpr std::string_view kBasic = "basic ";
  if (!same_word(authorization.substr(0, kBasic.size()), kBasic)) return std::nullopt;
  authorization.remove_prefix(kBasic.size());
  const auto pair =
      from_base64(authorization.substr(std::min(authorization.find_first_not_of(' '), authorization.size())));
  const auto colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  Claim claim;
  claim.user = pair->substr(0, colon);
  claim.password = pair->substr(colon + 1);
  const auto user = users.find(claim.user);
  // A password is compared whole: bcrypt ends it at a NUL, and after 72 octets.
  claim.possible =
      user != users.end() && claim.password.size() <= kTold && claim.password.find('\0') == std::string::npos;
  if (user != users.end()) {
    claim.hash = user->second;
  } else {
    // An unknown name is measured against the hash of somebody, always the same: it costs what his does.
    const auto name = digest("nobody", claim.user, "");
    const auto index = (name.empty() ? 0U : static_cast<unsigned char>(name.front())) % users.size();
    claim.hash = std::next(users.begin(), static_cast<std::ptrdiff_t>(index))->second;
  }
  claim.digest = digest(claim.user, claim.hash, claim.password);
  return claim;
}

std::optional<Passwords::Verdict> Passwords::remembered(const std::string& digest, Clock::time_point now) {
  if (const auto right = right_.find(digest); right != right_.end() && right->second > now) {
    right->second = now + kRightFor;
    return Verdict::right;
  }
  if (const auto wrong = wrong_.find(digest); wrong != wrong_.end() && wrong->second > now)
    return Verdict::wrong;
  return std::nullopt;
}

void Passwords::check(const Users& users, std::string_view authorization, const Address& from, Done done) {
  auto claim = users.empty() ? std::nullopt : claim_of(users, authorization);
  if (!claim) return done(Verdict::wrong, "");
  const auto user = claim->user;
  std::optional<Verdict> verdict;
  Drop dropped;
  {
    const std::lock_guard lock(mutex_);
    verdict = remembered(claim->digest, Clock::now());
    const auto same = verdict || claim->digest.empty() ? open_.end() : open_.find(claim->digest);
    if (!verdict && ending_) {
      verdict = Verdict::too_many;
    } else if (same != open_.end()) {
      same->second->done.push_back(std::move(done));
    } else if (!verdict) {
      auto check = std::make_shared<Check>();
      check->claim = std::move(*claim);
      check->done.push_back(std::move(done));
      queue(std::move(check), neighbourhood(from), &dropped);
    }
  }
  if (verdict) done(*verdict, *verdict == Verdict::right ? user : "");
  for (const auto& each : dropped)
    each(Verdict::too_many, "");
}

void Passwords::queue(std::shared_ptr<Check> check, const Address& from, Drop* dropped) {
  auto& asker = askers_[from];
  const bool full = asker.waiting.size() >= kWaitingOfOne || waiting_ >= kWaiting;
  if (full && asker.waiting.empty()) {
    if (!asker.busy) askers_.erase(from);
    *dropped = std::move(check->done);
    return;
  }
  if (full) {
    *dropped = std::move(asker.waiting.front()->done);
    open_.erase(asker.waiting.front()->claim.digest);
    asker.waiting.pop_front();
    --waiting_;
  }
  open_[check->claim.digest] = check;
  asker.waiting.push_back(std::move(check));
  ++waiting_;
  if (asker.waiting.size() == 1 && !full && !asker.busy) turn_.push_back(from);
  if (threads_.size() < kThreads) threads_.emplace_back([this] { work(); });
  more_.notify_one();
}

Passwords::Guesses& Passwords::guesses_of(const Address& from, Clock::time_point now) {
  const auto refresh = [&](Guesses& g) {
    const std::chrono::duration<double> since = now - g.at;
    g.left = std::min(kGuesses, g.left + since.count() * kGuessesASecond);
    g.at = now;
  };
  if (!guesses_.contains(from) && guesses_.size() >= kAddresses) {
    for (auto& [_, g] : guesses_)
      refresh(g);
    std::erase_if(guesses_, [](const auto& entry) { return entry.second.left >= kGuesses; });
  }
  auto& guesses = guesses_.contains(from) || guesses_.size() < kAddresses ? guesses_[from] : of_others_;
  if (guesses.at == Clock::time_point{}) guesses.at = now;
  refresh(guesses);
  return guesses;
}

/// Whose turn it is, of those who may guess; else when somebody may again.
Passwords::Askers::iterator Passwords::next(Clock::time_point now, Clock::time_point* again) {
  *again = Clock::time_point::max();
  for (auto it = turn_.begin(); it != turn_.end(); ++it) {
    auto& guesses = guesses_of(*it, now);
    if (guesses.left >= 1) {
      --guesses.left;
      const auto found = askers_.find(*it);
      turn_.erase(it);
      return found;
    }
    const auto wait = std::chrono::duration<double>((1 - guesses.left) / kGuessesASecond);
    *again = std::min(*again, now + std::chrono::ceil<std::chrono::milliseconds>(wait));
  }
  return askers_.end();
}

void Passwords::work() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    auto now = Clock::now();
    Clock::time_point again;
    const auto asker = next(now, &again);
    if (asker == askers_.end()) {
      if (again == Clock::time_point::max())
        more_.wait(lock);
      else
        more_.wait_until(lock, again);
      continue;
    }
    const auto from = asker->first;
    auto check = std::move(asker->second.waiting.back());  // the newest: a right one is not behind guesses
    asker->second.waiting.pop_back();
    asker->second.busy = true;
    --waiting_;
    auto& claim = check->claim;
    lock.unlock();
    const bool right = matches_(claim.password, claim.hash) && claim.possible;
    lock.lock();
    now = Clock::now();
    if (right) ++guesses_of(from, now).left;
    if (!claim.digest.empty())
      remember(right ? right_ : wrong_, claim.digest, now, right ? Clock::duration(kRightFor) : kWrongFor);
    if (const auto open = open_.find(claim.digest); open != open_.end() && open->second == check)
      open_.erase(open);
    const auto still = askers_.find(from);
    still->second.busy = false;
    if (still->second.waiting.empty())
      askers_.erase(still);
    else
      turn_.push_back(from);
    const auto done = std::move(check->done);
    const auto user = claim.user;
    OPENSSL_cleanse(claim.password.data(), claim.password.size());
    lock.unlock();
    for (const auto& each : done)
      each(right ? Verdict::right : Verdict::wrong, right ? user : "");
    lock.lock();
    more_.notify_one();
  }
}

void Passwords::end() {
  std::vector<std::thread> threads;
  std::vector<Done> left;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (auto& [_, asker] : askers_)
      for (auto& check : asker.waiting)
        for (auto& done : check->done)
          left.push_back(std::move(done));
    for (auto& [_, asker] : askers_)
      asker.waiting.clear();
    turn_.clear();
    waiting_ = 0;
    threads.swap(threads_);
  }
  more_.notify_all();
  for (auto& thread : threads)
    thread.join();
  for (const auto& done : left)
    done(Verdict::too_many, "");
}

}  // namespace stswatch::door
