#include "agent/watch/notifier.h"

#include <algorithm>
#include <ctime>

#include "agent/remember/dated.h"
#include "agent/tell/json.h"
#include "agent/watch/log.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::chrono::seconds kLastWords{5};  // for what is being sent when the agent stops
constexpr Seconds kReadSilences{5};
constexpr Seconds kCrowdTold{60};   // so long decisions wait until all domains of a host were told
constexpr Seconds kBreath{1};       // between decisions, so that a storm is decided on as a whole
constexpr Seconds kLongBreath{10};  // at most, where there is so much to decide on that it costs

Millis cpu_of_this_thread() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return Millis{t.tv_sec * 1000 + t.tv_nsec / 1'000'000};
}

/// All that is open is decided on anew, each time: a twentieth of a processor, while that takes half a second
/// or less.
Seconds breath_after(Millis work) {
  return std::clamp(std::chrono::ceil<Seconds>(20 * work), kBreath, kLongBreath);
}

void complain_of_row(const std::string& row) {
  log_error({.event = "notice-unreadable"}, "a stored notice cannot be read and is dropped: {}", row);
}

void add(std::map<std::string, std::uint64_t>& to, const std::map<std::string, std::uint64_t>& more) {
  for (const auto& [name, n] : more)
    to[name] += n;
}

/// The domain of "Name <user@domain>", lower case.
std::string mail_domain(std::string_view mailbox) {
  const auto at = mailbox.rfind('@');
  if (at == mailbox.npos) return {};
  mailbox.remove_prefix(at + 1);
  return text::lower(mailbox.substr(0, mailbox.find('>')));
}

LogFields fields_of(std::string_view event, const Silence& s) {
  return {.event = event, .domain = s.domain, .code = s.code, .subject = s.subject};
}

/// What others made or ended in the store, and what has come to its end.
void log_changes(const std::map<std::string, Silence>& before, const std::map<std::string, Silence>& after,
                 TimePoint since, TimePoint now) {
  for (const auto& [id, s] : after) {
    const auto was = before.find(id);
    const bool news = was == before.end() || !(was->second == s);
    if (news && stands(s, now)) log_info(fields_of("silence-begun", s), "silence {}: {}", id, in_words(s));
    const bool ended = since != TimePoint{} && stands(s, since) && !stands(s, now);
    if (!news && ended) log_info(fields_of("silence-ended", s), "silence {} is over: {}", id, in_words(s));
  }
  for (const auto& [id, s] : before) {
    if (after.contains(id) || !stands(s, since)) continue;
    log_info(fields_of("silence-ended", s), "silence {} {}: {}", id,
             stands(s, now) ? "was removed" : "is over", in_words(s));
  }
}

}  // namespace

Notifier::Notifier(Memory& memory, KeyValueStore& key_values, Clock& clock, Hooks around)
    : memory_(memory),
      clock_(clock),
      around_(std::move(around)),
      dispatcher_(key_values, complain_of_row),
      key_values_(key_values) {}

Notifier::~Notifier() { stop(); }

void Notifier::on_update(std::shared_ptr<const DomainMemory> record) {
  dispatcher_.on_update(std::move(record));
  const std::lock_guard lock(mutex_);
  ++updates_;
  news_.notify_all();
}

DispatchRules Notifier::rules_of(const Config& config) const {
  DispatchRules rules;
  rules.silences = config.silences;
  rules.watched.insert(agent_itself().str());
  auto labels = std::make_shared<std::map<std::string, std::map<std::string, std::string>>>();
  for (const auto& d : config.domains) {
    rules.watched.insert(d.name.str());
    if (!d.labels.empty()) labels->emplace(d.name.str(), d.labels);
  }
  auto& around = rules.around;
  around.external_url = config.agent.external_url;
  around.vantage = config.agent.vantage;
  around.https_port = config.network.https_port;
  around.smtp_port = config.network.smtp_port;
  around.domain = [this](const std::string& name) {
    const auto domain = Domain::parse(name);
    return domain ? memory_.domain(*domain) : nullptr;
  };
  around.mx = [this](const std::string& host) { return memory_.mx(host); };
  around.seen_from = around_.seen_from;
  around.labels = [labels](const std::string& name) {
    const auto it = labels->find(name);
    return it == labels->end() ? std::map<std::string, std::string>{} : it->second;
  };
  return rules;
}

void Notifier::adopt(const Config& config, const std::string& ca_file) {
  const std::lock_guard one_at_a_time(adopting_);
  const SinkOptions with{ca_file, around_.version, [this] { return clock_.now(); }};
  auto receivers = make_receivers(config.alerts, with);
  auto rules = rules_of(config);
  for (const auto& r : receivers)
    rules.receivers.push_back(r.rules);
  dispatcher_.adopt(std::move(rules));
  for (const auto& d : config.domains)
    if (auto record = memory_.domain(d.name)) dispatcher_.on_update(std::move(record));
  if (options_ == config.alerts && ca_file_ == ca_file) return;
  end_threads();
  options_ = config.alerts;
  ca_file_ = ca_file;
  begin([this](const auto&) { return decide(); }, AddressLimiter::decider);
  for (auto& r : receivers) {
    const auto name = r.rules.name;
    auto hooks = delivery_hooks(name, r.rules.rules.wanted);
    auto delivery = std::make_shared<Delivery>(dispatcher_, std::move(r), std::move(hooks));
    {
      const std::lock_guard lock(mutex_);
      deliveries_.push_back(delivery);
    }
    begin([delivery](const std::stop_token& stop) { return delivery->step(stop); }, AddressLimiter::delivery);
  }
  for (const auto& h : config.alerts.heartbeats) {
    auto ping = std::make_shared<HeartbeatPing>(h, with, around_.healthy);
    begin(
        [ping](const std::stop_token& stop) {
          const auto next = ping->step(stop);
          if (const auto& last = ping->last(); last && last->kind != SendResult::Kind::sent)
            log_warning({.event = "heartbeat-failed", .receiver = ping->name()}, "heartbeat {}: {}: {}",
                        ping->name(), last->reason, last->detail);
          return next;
        },
        AddressLimiter::delivery);
  }
}

TimePoint Notifier::decide() {
  const auto now = clock_.now();
  if (now - silences_read_ >= kReadSilences) {
    const auto before = dispatcher_.silences();
    dispatcher_.adopt_silences(around_.read_silences);
    log_changes(before, dispatcher_.silences(), silences_read_, now);
    silences_read_ = now;
  }
  if (!around_.tells()) return now + kReadSilences;
  if (!around_.is_telling_a_crowd())
    crowd_since_.reset();
  else if (now - crowd_since_.value_or(now) < kCrowdTold) {
    crowd_since_ = crowd_since_.value_or(now);
    return now + kBreath;
  }
  heed_acknowledgements(now);
  return std::min(dispatcher_.turn(now), now + kReadSilences);
}

/// Those that were made at another agent's door.
void Notifier::heed_acknowledgements(TimePoint now) {
  if (!around_.read_acknowledgements) return;
  for (const auto& [domain, _] : around_.read_acknowledgements()) {
    (void)dispatcher_.acknowledge(domain, now);
    key_values_.erase(kAcknowledgeTable, domain);
  }
}

bool Notifier::acknowledge(const std::string& domain) {
  if (around_.tells()) return dispatcher_.acknowledge(domain, clock_.now());
  key_values_.put(kAcknowledgeTable, domain, to_utc(clock_.now()));  // whoever tells reads it
  return true;
}

void Notifier::take_over() {
  dispatcher_.read_again(complain_of_row);
  const std::lock_guard lock(mutex_);
  ++updates_;
  news_.notify_all();
}

Delivery::Hooks Notifier::delivery_hooks(const std::string& name, const Wanted& wanted) {
  std::function<DigestSource()> digest_source;
  if (digest_source_) digest_source = [this, wanted] { return digest_source_(wanted); };
  return {.now = [this] { return clock_.now(); },
          .flush = around_.flush,
          .tells = around_.tells,
          .may_send = around_.may_send,
          .report =
              [name](const PendingNotice& pending, const SendResult& result) {
                const auto& n = pending.notice;
                const auto sent = result.kind == SendResult::Kind::sent;
                const auto code = n.lead_code();
                const LogFields fields{
                    .event = sent ? "notice-sent" : "notice-failed",
                    .domain = n.domains.size() == 1 ? n.domains.front() : std::string_view(),
                    .code = code,
                    .receiver = name};
                if (sent)
                  log_info(fields, "{}: sent {} {} {}: {}", name, to_string(n.kind), to_string(n.route),
                           n.key, n.title);
                else
                  log_warning(fields, "{}: {} {} not sent, will be tried again: {}: {}", name,
                              to_string(n.kind), n.key, result.reason, result.detail);
              },
          .report_refresh =
              [name](const SendResult& result) {
                log_warning({.event = "refresh-failed", .receiver = name},
                            "{}: what fires cannot be refreshed: {}: {}", name, result.reason, result.detail);
              },
          .digest_source = std::move(digest_source),
          .key_values = &key_values_,
          .report_digest =
              [name](const SendResult& result) {
                if (result.kind == SendResult::Kind::sent)
                  log_info({.event = "digest-sent", .receiver = name}, "{}: sent the digest", name);
                else
                  log_warning({.event = "digest-failed", .receiver = name},
                              "{}: the digest is not sent, will be tried again: {}: {}", name, result.reason,
                              result.detail);
              }};
}

void Notifier::begin(Step step, AddressLimiter address_limiter) {
  const std::lock_guard lock(mutex_);
  ++running_;
  threads_.emplace_back([this, step = std::move(step), address_limiter] { run(step, address_limiter); });
}

void Notifier::run(const Step& step, AddressLimiter address_limiter) {
  std::unique_lock lock(mutex_);
  const auto& news = address_limiter == AddressLimiter::decider ? updates_ : decided_;
  while (!ending_) {
    const auto seen = news;
    const auto stop = cut_off_.get_token();
    lock.unlock();
    const auto began = cpu_of_this_thread();
    const TimePoint next = step(stop);
    const auto breath = breath_after(cpu_of_this_thread() - began);
    lock.lock();
    const SteadyPoint due =
        clock_.steady() + (next - clock_.now());  // whatever becomes of the calendar meanwhile
    SteadyPoint not_before = SteadyPoint::min();
    if (address_limiter == AddressLimiter::decider) {
      ++decided_;
      news_.notify_all();
      not_before = clock_.steady() + breath;
    }
    while (!ending_) {
      const auto now = clock_.steady();
      if (now >= not_before && (now >= due || news != seen)) break;
      clock_.wait_until(news_, lock, std::max(not_before, now >= not_before ? due : not_before));
    }
  }
  --running_;
  ended_.notify_all();
}

void Notifier::end_threads() {
  {
    std::unique_lock lock(mutex_);
    ending_ = true;
    news_.notify_all();
    ended_.wait_for(lock, kLastWords, [this] { return running_ == 0; });
    for (const auto& c : deliveries_) {
      const auto figures = c->figures();
      add(before_[c->name()].sent, figures.sent);
      add(before_[c->name()].failed, figures.failed);
    }
    deliveries_.clear();
  }
  cut_off_.request_stop();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  cut_off_ = {};
  ending_ = false;
}

void Notifier::stop() {
  const std::lock_guard one_at_a_time(adopting_);
  end_threads();
  options_.reset();
}

void Notifier::redate() { dispatcher_.redate(clock_.now()); }

void Notifier::describe(Snapshot& s) const {
  s.silences = dispatcher_.silences();
  s.told = dispatcher_.told();
  std::map<std::string, DeliveryFigures> figures;
  {
    const std::lock_guard lock(mutex_);
    figures = before_;
    for (const auto& c : deliveries_) {
      add(figures[c->name()].sent, c->figures().sent);
      add(figures[c->name()].failed, c->figures().failed);
    }
  }
  for (const auto& state : dispatcher_.state()) {
    auto& f = figures[state.name];
    s.receivers.push_back({state.name, std::move(f.sent), std::move(f.failed), state.pending, state.oldest});
  }
}

std::vector<std::string> warnings_of(const Config& config) {
  std::vector<std::string> out;
  const auto watched = [&](const std::string& domain) {
    return std::ranges::any_of(config.domains, [&](const DomainConfig& d) {
      return domain == d.name.str() || domain.ends_with("." + d.name.str());
    });
  };
  for (const auto& email : config.alerts.emails)
    for (const auto& to : email.to)
      if (const auto domain = mail_domain(to); watched(domain))
        out.push_back(
            "receiver \"" + email.name + "\" is reached at " + domain +
            ", which is watched: when its mail breaks, the notice of it may not arrive: add a receiver "
            "elsewhere");
  return out;
}

// What a digest is made of.

namespace {

/// What people have announced: change windows, and the next steps of plans that are followed.
void add_planned(const Snapshot& snapshot, const Config& config, const Wanted& wanted, DigestSource& into) {
  for (const auto& window : config.planned)
    if (window.until > snapshot.now && is_for(wanted, window.domain.str()))
      into.planned.emplace_back(std::max(window.from, snapshot.now),
                                window.domain.str() + ": a change is planned until " + to_utc(window.until));
  for (const auto& [domain, plan] : snapshot.plans) {
    if (!is_for(wanted, domain)) continue;
    const auto next = next_step(*plan);
    if (!next || next->step == nullptr) continue;
    const auto from = next->safe_from.value_or(next->step->not_before);
    into.planned.emplace_back(
        std::max(from, snapshot.now),
        domain + ": step " + std::to_string(next->step->n) + " of the plan: " + next->step->text);
  }
}

}  // namespace

DigestSource digest_source(const Snapshot& snapshot, const Config& config, const Wanted& wanted) {
  DigestSource out;
  out.external_url = config.agent.external_url;
  out.vantage = config.agent.vantage;
  if (wanted.own) out.own = snapshot.own;
  std::map<std::string, std::shared_ptr<const DomainMemory>> looked_at;
  for (const auto& memory : snapshot.domains)
    looked_at.emplace(memory->known->domain.str(), memory);
  for (const auto& domain : config.domains) {
    const auto& name = domain.name.str();
    if (!is_for(wanted, name)) continue;
    const auto at = looked_at.find(name);
    if (at == looked_at.end())
      out.domains.push_back({name, nullptr, {}});
    else
      out.domains.push_back({name, at->second, claims_of(snapshot, *at->second)});
  }
  std::ranges::sort(out.domains, {}, &DigestDomain::name);
  auto silences = snapshot.configured_silences;
  for (const auto& [_, silence] : snapshot.silences)
    silences.push_back(silence);
  for (auto& silence : silences)
    if (std::ranges::any_of(out.domains, [&](const auto& d) { return glob_matches(silence.domain, d.name); }))
      out.silences.push_back(std::move(silence));
  add_planned(snapshot, config, wanted, out);
  return out;
}

}  // namespace stswatch
