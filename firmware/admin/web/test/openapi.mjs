// Is the API's description valid, by a validator that is not ours?
import { Validator } from '@seriousme/openapi-schema-validator';

const v = new Validator();
const got = await v.validate(process.argv[2]);
if (!got.valid) {
  console.error(JSON.stringify(got.errors, null, 1));
  process.exit(1);
}
console.log(`valid OpenAPI ${v.version}`);
