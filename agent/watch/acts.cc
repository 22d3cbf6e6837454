#include "agent/watch/own_state.h"

#include <algorithm>

#include "agent/tell/door/listener.h"
#include "agent/watch/log.h"

namespace stswatch {
namespace {

tl::expected<void, std::string> silence(Notifier& notifier, const Silence& s, TimePoint now) {
  const auto id = notifier.dispatcher().silence(s, now);
  if (!id)
    return tl::make_unexpected("There are " + std::to_string(kSilencesOfDomain) +
                               " silences of this domain: end some, or silence all of it.");
  log_info({.event = "silence-begun", .domain = s.domain, .code = s.code, .subject = s.subject},
           "silence {}: {}", *id, in_words(s));
  return {};
}

LookAsked look(Service& service, const Domain& name, const std::string& who) {
  const auto asked = service.look_now(name);
  if (asked == LookAsked::at_it)
    log_info({.event = "look-asked", .domain = name.str()}, "{}: looked at again for {}", name.str(), who);
  return asked;
}

}  // namespace

HttpParts acts_of(Service& service, Notifier& notifier, Reloader& reloader, Clock& clock) {
  HttpParts parts;
  parts.gate = [&] { return service.plan()->gate; };
  parts.own_names = [&] {
    const auto& agent = service.plan()->config.agent;
    return door::OwnNames{agent.external_url, agent.hosts, door::on_this_machine};
  };
  parts.has_badge = [&](const std::string& domain) {
    const auto plan = service.plan();
    const auto& globs = plan->config.badge.allow;
    return std::ranges::any_of(globs, [&](const auto& glob) { return glob_matches(glob, domain); });
  };
  parts.badges_are_public = [&] { return service.plan()->config.badge.open; };
  parts.stuck = [&] { return service.stuck(); };
  parts.look_now = [&](const Domain& name, const std::string& who) { return look(service, name, who); };
  parts.silence = [&](const Silence& s) { return silence(notifier, s, clock.now()); };
  parts.lift_silence = [&](const std::string& id, const std::string& who) {
    const bool lifted = notifier.dispatcher().lift_silence(id);
    if (lifted) log_info({.event = "silence-ended"}, "silence {} was ended by {}", id, who);
    return lifted;
  };
  parts.acknowledge = [&](const Domain& name, const std::string& who) {
    const bool done = notifier.acknowledge(name.str());
    if (done)
      log_info({.event = "acknowledged", .domain = name.str()}, "what was told of {} was acknowledged by {}",
               name.str(), who);
    return done;
  };
  parts.reload = [&](const std::string& who) {
    log_info({.event = "reload-asked"}, "a reload was asked for by {}", who);
    return reloader.reload();
  };
  return parts;
}

}  // namespace stswatch
