#include "agent/remember/saved_look.h"

namespace stswatch {

Verdict judge(const SavedLook& look, const Limits& limits) {
  return judge(look.domain, look.mx, look.vantage, limits,
               History{look.past ? &*look.past : nullptr, look.mx_pasts});
}

}  // namespace stswatch
