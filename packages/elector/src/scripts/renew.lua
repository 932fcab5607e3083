-- Prolongs the lease of one term. Answers 1, or 0 if this term is over.
local ttl = tonumber(arg.ttl)
if not ttl or ttl < 1 then return refuse('INVALID_OPTION', 'ttl must be a positive number of milliseconds.') end
if redis.call('GET', key.lease) ~= arg.id or redis.call('GET', key.epoch) ~= arg.epoch then return 0 end
return redis.call('PEXPIRE', key.lease, ttl)
