// The packages are those of all examples, one folder up.
import { dirname } from 'node:path';

export default { turbopack: { root: dirname(import.meta.dirname) } };
