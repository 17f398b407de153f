// @ts-ignore TS1479: it is an ES module, which `require` loads on every Node.js that `engines` names.
export * from './dist/src/events.js';
