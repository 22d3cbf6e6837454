#include "agent/watch/self_check.h"

namespace stswatch {

void SelfCheck::turn() {
  const auto now = clock_.steady();
  for (const auto& question : questions_) {
    if (question.known && !question.known()) continue;
    const auto wrong = question.ask();
    if (!wrong) {
      since_.erase(question.code);
      own_.well(question.code);
      continue;
    }
    const auto since = since_.try_emplace(question.code, now).first->second;
    if (now - since >= question.lasts) own_.ails(question.code, *wrong);
  }
}

}  // namespace stswatch
