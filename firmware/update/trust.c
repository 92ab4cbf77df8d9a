/* Who may sign upgrades: chosen when this was built. */
#include "update.h"

#include <update_trust.h> /* made by the build */

const uint8_t update_trust[IMAGE_KEYS][IMAGE_KEY_BYTES] = UPDATE_TRUST;
const bool update_trust_is_development = UPDATE_TRUST_IS_DEVELOPMENT;
