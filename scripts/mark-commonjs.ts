/**
 * Writes the one-line package.json that tells Node that everything below dist/cjs is CommonJS,
 * although the package as a whole is ES modules. Runs as the last step of `npm run build`.
 */
import { chmodSync, writeFileSync } from 'node:fs'

writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n')
chmodSync('dist/cjs/src/main.js', 0o755)
