/* classic_service.h - services as the classic appliance knows them: listen, enable, disable, certs.
 *
 * There is no second state beside the settings. A service whose listeners are set is enabled; `disable` deletes them, and `enable` puts
 * back those of the newest generation that had some. Federation by XMPP and by SIP have a mode of their own: there disable is
 * `mode off`, the listeners stay, and enable puts back the mode of before. */
#ifndef CONF_CLASSIC_SERVICE_H
#define CONF_CLASSIC_SERVICE_H

#include "classic.h"

struct conf;

/* What a person names: an interface a to d, for its first address that is set, or an address. key: for the row of a listener, which is
 * the at-th. false: no such address; x has failed, with the reason. */
bool classic_address(struct classic_change *x, struct bytes word, unsigned at, char address[static 64], char key[static 16]);

#endif
