const express = require('express');
const lodash = require('lodash');
const options = require('minimist')(process.argv.slice(2));

const application = express();
application.get('/', (request, response) => response.send(lodash.capitalize('aboard')));
application.listen(options.port || 8080);
