-- Ends a term before its time and says so. Answers 1, or 0 if this term was over already.
if redis.call('GET', key.lease) ~= arg.id or redis.call('GET', key.epoch) ~= arg.epoch then return 0 end
redis.call('DEL', key.lease)
-- Only makes the takeover quicker: a user without leave to publish resigns all the same.
redis.pcall('PUBLISH', arg.channel, arg.message)
return 1
