// What `require` gives: the same module that `import` gives.
module.exports = require('./dist/src/events.js');
