from greenhouse import Greenhouse
from twisted.application.service import Application
from twisted.internet import reactor

application = Application("greenhouse")
Greenhouse(reactor, "mqtt://localhost").setServiceParent(application)
